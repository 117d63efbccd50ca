// Slots and handles: who is named by a handle, and for how long that stays true.

import test from 'ava';
import fc from 'fast-check';
import { Connections } from '../../host/memory/connections.ts';
import { COLUMNS, FLAGS, HANDLE, KNOWN, SLOTS } from '../../host/memory/layout.ts';
import { Segment } from '../../host/memory/segment.ts';
import { settings } from '../../host/policy.ts';
import { logged, open, scripted, statuses } from '../helpers/guests.ts';

function table(connections: number): {
  connections: Connections;
  handle: (slot: number) => number;
} {
  const sizes = { connections, stateBytes: 16, poolBytes: 65_536 };
  const made = new Connections(new Segment(sizes, ArrayBuffer));
  return { connections: made, handle: (slot) => made.table[slot * COLUMNS + HANDLE]! };
}

function known(connections: Connections, fd: number): number {
  const slot = connections.take(fd);
  if (slot >= 0) connections.table[slot * COLUMNS + FLAGS]! |= KNOWN;
  return slot;
}

for (const size of [1, 2, 3, 64, 65, 1 << 20]) {
  test(`with room for ${size} no handle is 0, and none is given out twice`, (t) => {
    const { connections, handle } = table(size);
    const seen = new Set<number>();
    for (let index = 0; index < 5000; index += 1) {
      const slot = known(connections, index);
      const name = handle(slot);
      if (name === 0 || seen.has(name) || connections.find(name) !== slot) t.fail(`${name}`);
      seen.add(name);
      connections.release(slot);
      if (connections.find(name) >= 0 || connections.current(name) >= 0) t.fail(`stale ${name}`);
    }
    t.is(connections.open, 0);
  });
}

test('no slot is cut by the mask that its row is found with', (t) => {
  t.is(SLOTS + 1, settings.maxConnections.max);
});

test('a generation that wraps skips 0', (t) => {
  const { connections, handle } = table(1 << 20);
  const seen = new Set<number>();
  const slot = known(connections, 0);
  // Twelve bits of generation for this slot.
  for (let index = 0; index < 4095; index += 1) {
    seen.add(handle(slot));
    connections.release(slot);
    connections.table[slot * COLUMNS + FLAGS] = 0;
  }
  t.is(seen.size, 4095);
  t.false(seen.has(0));
  t.true([...seen].some((name) => name < 0));
});

test('a full table takes nobody, and a freed slot is found again', (t) => {
  const { connections } = table(3);
  const slots = [0, 1, 2].map((fd) => connections.take(fd));
  t.deepEqual(slots, [0, 1, 2]);
  t.is(connections.take(9), -1);
  connections.release(1);
  t.is(connections.take(9), 1);
  t.is(connections.take(9), -1);
});

test('slots are reused first-in first-out', (t) => {
  const { connections } = table(4);
  for (let fd = 0; fd < 4; fd += 1) connections.take(fd);
  for (const slot of [2, 0, 3]) connections.release(slot);
  t.deepEqual(
    [1, 2, 3].map(() => connections.take(5)),
    [2, 0, 3],
  );
});

test('a freed slot rests while there are others that were never used', (t) => {
  const { connections } = table(4096);
  for (let index = 0; index < 1024; index += 1) {
    const slot = connections.take(1);
    t.is(slot, index);
    connections.release(slot);
  }
  t.is(connections.take(1), 0);
});

const operation = fc.record({
  kind: fc.constantFrom('take', 'release', 'ready', 'shift'),
  pick: fc.nat(),
});

test('the ready list holds each slot once, in order, and loses those that are released', (t) => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const { connections } = table(8);
      const live: number[] = [];
      let ready: number[] = [];
      for (const { kind, pick } of operations) {
        const slot = live[pick % Math.max(1, live.length)];
        if (kind === 'take') {
          const taken = connections.take(1);
          if (taken >= 0 === live.length >= 8) return false;
          if (taken >= 0) live.push(taken);
        } else if (kind === 'shift') {
          if (connections.shiftReady() !== (ready.shift() ?? -1)) return false;
        } else if (slot === undefined) continue;
        else if (kind === 'release') {
          connections.release(slot);
          live.splice(live.indexOf(slot), 1);
          ready = ready.filter((other) => other !== slot);
        } else {
          connections.pushReady(slot);
          if (!ready.includes(slot)) ready.push(slot);
        }
        if (connections.ready !== ready.length || connections.open !== live.length) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('a stale handle never reaches the connection that has its slot now', async (t) => {
  const server = await scripted({ policy: { maxConnections: 2 } });
  const keeper = server.connect();
  const stale: number[] = [];
  for (let index = 0; index < 300; index += 1) {
    const peer = server.connect();
    const [own] = statuses(server, peer, 'H;');
    t.false(stale.includes(own!));
    stale.push(own!);
    const tries = stale.slice(-5, -1).map((name) => `s #${name},foreign;x #${name},1;`);
    keeper.send(tries.join(''));
    t.is(peer.text(), '');
    t.is(peer.state, 'open');
    peer.close();
  }
  t.is(server.stats().connections.total, 301);
});

test('the state of a new connection is zeroed, whoever had the slot before', async (t) => {
  const server = await scripted({ policy: { maxConnections: 1 } });
  for (let index = 0; index < 5; index += 1) {
    const peer = open(server, 'm 1,9;+ 77;e d{?;}');
    if (index % 2 === 0) peer.send('x');
    peer.close();
  }
  const lines = logged(server);
  t.is(lines.filter((line) => line.startsWith('open')).length, 5);
  t.false(lines.some((line) => line.startsWith('dirty')));
});
