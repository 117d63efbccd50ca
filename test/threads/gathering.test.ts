// Members who are sent to together, over real sockets, whose worker hangs for one of them or ends at any statement: all
// others have every message once, or are told that they miss it. `npm run soak -- kills` has more rounds.

import test from 'ava';
import { crowdOfThreads } from '../helpers/crowd-deaths.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { Hosted, until } from '../helpers/programs.ts';

const roster = compiledGuest('roster');
const MEMBERS = 6;

test('when the guest hangs for any member, those before have the message, and those behind are told', async (t) => {
  const hosted = await Hosted.start(t, { protocol: roster, workers: 1 });
  const { server } = hosted;
  for (let hanging = 0; hanging < MEMBERS; hanging += 1) {
    const clients = (await hosted.clients(t, MEMBERS)).map(({ client }) => client);
    for (const [number, client] of clients.entries()) {
      await client.send(`j${number}`);
      await until(() => server.stats().shared.members === number + 1);
    }
    const restarted = hosted.next('restart');
    server.publish('room', 'a');
    server.publish('room', `H${hanging}`);
    await restarted;
    server.publish('room', 'z');
    for (const [number, client] of clients.entries()) {
      const all = number < hanging ? `aH${hanging}z` : 'a!z';
      if (number === hanging) t.not(await client.closed, 'destroyed');
      else
        t.is(String(await client.readExactly(all.length)), all, `${number}, hung for ${hanging}`);
      t.is(client.waiting, number === hanging ? 1 : 0);
      client.destroy();
    }
    await until(() => server.stats().shared.members === 0);
  }
  t.like(server.stats(), { errors: { HUNG: MEMBERS }, workers: { restarts: MEMBERS } });
});

test('a thread that ends at any statement of a delivery costs only whom it was serving', async (t) => {
  const { deaths, lost, messages, faults } = await crowdOfThreads(`crowd-${process.pid}`, {
    rounds: 9,
    seed: 4,
  });
  t.log(`${deaths} threads ended, ${lost} members lost, ${messages} messages compared`);
  t.deepEqual(faults, []);
  t.true(deaths > 0);
  // The one that is served, and one whose bytes go out by the same call.
  t.true(lost <= 2 * deaths, `${lost} lost`);
});
