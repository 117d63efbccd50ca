// State blocks: a guest is not served with less than its class needs.

import test from 'ava';
import { harness } from '../../host/testing/harness.ts';
import { compiledGuest } from '../helpers/guests.ts';

const faults = {
  unsized: 'there is no state block: export state_size',
  missized: 'the state block is too small: state_size must return stateSize of the class',
};

for (const [guest, why] of Object.entries(faults)) {
  test(`a guest whose state block is ${guest} traps before it mixes the clients up, and says what to write`, async (t) => {
    const network = await harness(compiledGuest(`kit/${guest}`));
    const peer = network.connect();
    peer.send('a\n');
    t.is(peer.text(), '');
    t.is(network.traps.length, 1);
    t.true(network.traps[0]!.includes(why), network.traps[0]);
  });
}

test('a state block whose size the guest has counted by itself is taken', async (t) => {
  const network = await harness(compiledGuest('kit/counted'));
  const [one, other] = [network.connect(), network.connect()];
  one.send('a\nb\n');
  other.send('a\n');
  one.send('c\n');
  t.deepEqual([one.text(), other.text(), network.traps], ['1\n2\n3\n', '1\n', []]);
});
