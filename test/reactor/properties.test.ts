// Properties: random peers against a model of echo, with failures of the guest in between.

import test from 'ava';
import fc from 'fast-check';
import { REASON_TRAP } from '../../assembly/abi.ts';
import { type Harness, harness, type Peer } from '../../host/testing/harness.ts';
import { echoModule, leftovers, nothing, open, scriptedModule, small } from '../helpers/guests.ts';

const bytes = fc.uint8Array({ maxLength: 300 });

test('any split of any input gives the same echo', async (t) => {
  const module = echoModule();
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat(300), { maxLength: 20 }), async (input, cuts) => {
      const server = await harness(module, { policy: small });
      const peer = server.connect();
      let from = 0;
      for (const cut of [...cuts].sort((a, b) => a - b)) {
        peer.send(input.subarray(from, cut));
        from = Math.max(from, Math.min(cut, input.length));
      }
      peer.send(input.subarray(from));
      peer.end();
      t.deepEqual(peer.received(), input);
      t.is(peer.state, 'ended');
      t.deepEqual(leftovers(server), nothing);
    }),
    { numRuns: 200 },
  );
});

test('every position at which a short input can be split gives the same echo', async (t) => {
  const server = await harness(echoModule());
  const input = Uint8Array.from({ length: 64 }, (_, index) => index * 4);
  for (let first = 0; first <= input.length; first += 1) {
    for (let second = first; second <= input.length; second += 1) {
      const peer = server.connect();
      peer.send(input.subarray(0, first));
      peer.send(input.subarray(first, second));
      peer.send(input.subarray(second));
      peer.end();
      t.deepEqual(peer.received(), input, `at ${first} and ${second}`);
      t.is(peer.state, 'ended');
    }
  }
  t.deepEqual(leftovers(server), nothing);
});

// What each mode of the scripted guest takes for a frame, of a length in bytes.
const framings: { readonly [mode: string]: (length: number) => string } = {
  'm 2,0;': (length) => `${'l'.repeat(length - 1)}\n`,
  'm 4,0;': (length) => String.fromCharCode(Math.min(127, length - 1)).padEnd(length, 'f'),
  'm 1,700;': (length) => 'e'.repeat(length),
};

test('any split of frames around the limit gives the same answers and the same end', async (t) => {
  const length = fc.oneof(fc.integer({ min: 1, max: 2500 }), fc.integer({ min: 1020, max: 1028 }));
  const outcome = async (mode: string, parts: readonly string[]) => {
    const policy = { ...small, receiveWindowBytes: 2048, maxFrameBytes: 1024 };
    const server = await harness(scriptedModule, { policy });
    const peer = open(server, `q;${mode}e e{E;}`);
    for (const part of parts) peer.send(part);
    peer.end();
    const { errors } = server.stats();
    return { text: peer.text(), reason: peer.closeReason, errors, left: leftovers(server) };
  };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(framings)),
      fc.array(length, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(8000), { maxLength: 12 }),
      async (mode, lengths, cuts) => {
        const input = lengths.map(framings[mode]!).join('');
        const places = [0, ...cuts.filter((cut) => cut < input.length), input.length];
        places.sort((a, b) => a - b);
        const parts = places.slice(1).map((to, index) => input.slice(places[index], to));
        t.deepEqual(await outcome(mode, parts), await outcome(mode, [input]));
      },
    ),
    { numRuns: 200 },
  );
});

interface Client {
  readonly peer: Peer;
  readonly id: number;
  /** The scripted guest's number for it. */
  readonly number: number;
  sent: number;
  received: number;
  ended: boolean;
}

// Every byte tells whose it is and where it stands, so that a foreign or lost byte shows.
const byteOf = (id: number, position: number): number => (id * 37 + position * 11 + 5) & 0xff;

/** Reads, and checks every byte. @returns false for a byte that is not the next one of its own */
function read(client: Client): boolean {
  for (const byte of client.peer.received()) {
    if (byte !== byteOf(client.id, client.received)) return false;
    client.received += 1;
  }
  return client.received <= client.sent;
}

const operation = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('connect'), pick: fc.nat(), size: fc.nat(50) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('send'), pick: fc.nat(), size: fc.nat(400) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('read', 'end', 'close', 'reset', 'pause', 'resume', 'trap', 'advance'),
      pick: fc.nat(),
      size: fc.nat(60),
    }),
  },
);

/** One peer drives the others through a scripted guest: they echo, it pauses, resumes and traps. */
function drive(server: Harness, script: string): void {
  const driver = server.connect({ address: 'driver' });
  driver.send(script);
  driver.reset();
}

test('whatever many peers do, each gets its own bytes in order, and traps cost only their own', async (t) => {
  const module = scriptedModule;
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { maxLength: 60 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 5 }),
      async (operations, most, highWaterBytes, callbacksPerTurn) => {
        const server = await harness(module, {
          policy: {
            ...small,
            highWaterBytes,
            lowWaterBytes: highWaterBytes >> 1,
            callbacksPerTurn,
            lingerMs: 50,
            writeTimeoutMs: 0,
            receiveWindowBytes: 2048,
            maxFrameBytes: 1024,
          },
        });
        let clients: Client[] = [];
        const all: Client[] = [];
        let trapped = 0;
        for (const { kind, pick, size } of operations) {
          const client = clients[pick % Math.max(1, clients.length)];
          if (kind === 'connect') {
            const peer = open(server, `q;m 1,${most};e e{E;}`, 1 + size);
            const number = Number(server.logs.at(-1)!.text.slice('open '.length));
            const id = all.length;
            all.push({ peer, id, number, sent: 0, received: 0, ended: false });
            clients.push(all[id]!);
          } else if (kind === 'advance') server.advance(size);
          else if (kind === 'trap') {
            drive(server, 's 0,never;s 1,never;s 2,never;x 0,1;P 1;T;');
            trapped += 1;
          } else if (client === undefined) continue;
          else if (kind === 'send' && !client.ended) {
            const part = Uint8Array.from({ length: size }, (_, at) =>
              byteOf(client.id, client.sent + at),
            );
            client.sent += Math.max(0, client.peer.send(part));
          } else if (kind === 'read') t.true(read(client));
          else if (kind === 'pause' || kind === 'resume') {
            drive(server, `${kind === 'pause' ? 'P' : 'R'} ${client.number};`);
          } else if (kind === 'end') {
            client.peer.end();
            client.ended = true;
          } else if (kind === 'close' || kind === 'reset') {
            client.peer[kind]();
            clients = clients.filter((other) => other !== client);
          }
        }
        t.is(server.traps.length, trapped);
        // A paused connection notices the end of its peer when it is resumed.
        for (const { number } of all) drive(server, `R ${number};`);
        for (const client of clients) {
          t.true(read(client));
          client.peer.end();
          t.true(read(client));
          t.is(client.received, client.sent);
          t.is(client.peer.state, 'ended');
          t.not(client.peer.closeReason, REASON_TRAP);
        }
        server.advance(50);
        t.deepEqual(leftovers(server), nothing);
      },
    ),
    { numRuns: 300 },
  );
});

const someone = fc.oneof(fc.constant('.'), fc.nat(8).map(String));
const effect = fc.oneof(
  fc.tuple(fc.constantFrom('s', 'c'), someone).map(([letter, who]) => `${letter} ${who},hello;`),
  fc.tuple(someone, fc.nat(3000), fc.nat(4)).map(([who, n, count]) => `b ${who},${n},${count},z;`),
  fc.tuple(someone, fc.nat(2)).map(([who, how]) => `x ${who},${how};`),
  fc
    .tuple(fc.constantFrom('w', 't'), someone, fc.nat(60))
    .map(([l, who, n]) => `${l} ${who},${n};`),
  someone.map((who) => `P ${who};`),
  fc.constantFrom('T;', 'A;', 'g 1;', '+ 1;', 'k 0;', 'k 3;', 'E;'),
);
// A stored script that sends in bulk, or resumes, could keep two connections busy for ever.
const later = fc
  .tuple(fc.constantFrom('d', 'e', 'w', 't', 'c', 'r'), effect)
  .filter(([, script]) => !script.startsWith('b'))
  .map(([event, script]) => `e ${event}{${script}}`);
const mode = fc.constantFrom('', 'm 1,3;', 'm 2,0;', 'm 3,0;', 'm 3,1;', 'm 4,0;');
const anything = fc.oneof(
  fc.record({
    kind: fc.constant('connect'),
    pick: fc.integer({ min: 1, max: 4000 }),
    text: fc
      .tuple(mode, fc.array(fc.oneof(effect, later), { maxLength: 4 }))
      .map((all) => all.flat().join('')),
  }),
  fc.record({
    kind: fc.constant('send'),
    pick: fc.nat(),
    text: fc.oneof(
      effect,
      fc.array(effect, { maxLength: 4 }).map((all) => all.join('')),
      someone.map((who) => `R ${who};`),
      fc.constant('a\nb'),
    ),
  }),
  fc.record({
    kind: fc.constantFrom('read', 'end', 'close', 'reset', 'advance'),
    pick: fc.nat(80),
    text: fc.constant(''),
  }),
);

test('whatever guest and peers do, each on_open has one on_close, and nothing is left behind', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anything, { maxLength: 50 }),
      fc.record({
        highWaterBytes: fc.integer({ min: 20, max: 5000 }),
        callbacksPerTurn: fc.integer({ min: 1, max: 5 }),
        idleTimeoutMs: fc.constantFrom(0, 100),
        writeTimeoutMs: fc.constantFrom(0, 70),
        frameTimeoutMs: fc.constantFrom(0, 60),
        lingerMs: fc.constantFrom(0, 30),
        maxStagedSends: fc.constantFrom(16, 4096),
      }),
      async (operations, limits) => {
        const policy = {
          ...small,
          ...limits,
          lowWaterBytes: limits.highWaterBytes >> 1,
          receiveWindowBytes: 2048,
          maxFrameBytes: 1024,
          maxConnections: 8,
        };
        const server = await harness(scriptedModule, { policy });
        const peers: Peer[] = [];
        for (const { kind, pick, text } of operations) {
          const peer = peers[pick % Math.max(1, peers.length)];
          if (kind === 'connect') peers.push(open(server, text, pick));
          else if (kind === 'advance') server.advance(pick);
          else if (kind === 'read') peer?.received();
          else if (kind === 'send') peer?.send(text);
          else peer?.[kind as 'end' | 'close' | 'reset']();
        }
        server.advance(1000);
        server.abort();
        t.deepEqual(leftovers(server), nothing);
        const count = (event: RegExp) => server.logs.filter(({ text }) => event.test(text)).length;
        t.is(count(/^close \d/), count(/^open \d/));
        t.is(count(/^dirty/), 0);
      },
    ),
    { numRuns: 300 },
  );
});

test('however a turn is limited, lines that a peer pipelines are answered in order', async (t) => {
  const module = scriptedModule;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[a-z]{0,30}$/), { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1024, max: 2048 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }),
      async (lines, bufferBytes, callbacksPerTurn, bytesPerTurn, cuts) => {
        const server = await harness(module, {
          policy: {
            ...small,
            callbacksPerTurn,
            bytesPerTurn,
            receiveWindowBytes: 2048,
            maxFrameBytes: 1024,
            highWaterBytes: 60,
            lowWaterBytes: 20,
          },
        });
        const peer = open(server, 'q;m 2,0;e e{E;}', bufferBytes);
        const text = lines.join('\n');
        let received = '';
        for (let at = 0, turn = 0; at < text.length; turn += 1) {
          at += Math.max(0, peer.send(text.slice(at, at + cuts[turn % cuts.length]!)));
          received += peer.text();
        }
        peer.end();
        received += peer.text();
        t.is(received, text);
        t.deepEqual(leftovers(server), nothing);
      },
    ),
    { numRuns: 150 },
  );
});
