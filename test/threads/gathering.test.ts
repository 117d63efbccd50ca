// Members who are sent to together, over real sockets, whose worker hangs for one of them or ends at any statement: all
// others have every message once, or are told that they miss it. `npm run soak -- kills` has more rounds.

import test from 'ava';
import { Certificates } from '../helpers/certificates.ts';
import { type Client, connect } from '../helpers/client.ts';
import { crowdOfThreads } from '../helpers/crowd-deaths.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { Hosted, until } from '../helpers/programs.ts';

const roster = compiledGuest('roster');
const MEMBERS = 6;

/** Letters in a row as their number. */
const brief = (text: string): string =>
  text.replace(/(.)\1{4,}/g, (run) => `${run[0]}*${run.length} `);

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
      // What it was sent in the turn in which it hangs is lost with it.
      if (number === hanging) t.true(client.waiting <= 1);
      else t.is(client.waiting, 0);
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

test('members with TLS and without are sent the same, and to each other, in order', async (t) => {
  const { cert, key } = new Certificates(t).make('localhost');
  const hosted = await Hosted.start(t, {
    protocol: roster,
    workers: 1,
    listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls: { cert, key } }],
  });
  const { server } = hosted;
  const clients: Client[] = [];
  for (let number = 0; number < MEMBERS; number += 1) {
    const secure = number % 2 === 1 ? { secure: {} } : {};
    const client = await connect(server.addresses[number % 2]!, { owner: t, ...secure });
    await client.send(`j${number}`);
    await until(() => server.stats().shared.members === number + 1);
    clients.push(client);
  }
  for (const text of ['a', 's', 'b', 'o', 'O', 'z']) server.publish('room', text);
  const x = 'x'.repeat(5000);
  for (const [number, client] of clients.entries()) {
    // The last one of a message is the one before the first of the next.
    const last = `as2b${x}+o+${x}${x}z`;
    const all = number === MEMBERS - 1 ? last : `as2b${x}o+${x}+${x}z`;
    t.is(brief(String(await client.readExactly(all.length))), brief(all), `${number}`);
    t.is(client.waiting, 0);
  }
});
