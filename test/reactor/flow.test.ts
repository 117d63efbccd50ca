// Flow control and limits: what a send is answered, when reading stops, and who pays for memory.

import test from 'ava';
import fc from 'fast-check';
import {
  REASON_LIMIT,
  REASON_MEMORY,
  REASON_TRAP,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import { harness } from '../../host/testing/harness.ts';
import {
  echo,
  echoModule,
  leftovers,
  logged,
  nothing,
  open,
  scripted,
  small,
  statuses,
} from '../helpers/guests.ts';
import { call, drop, get, guest, i32, returns, setGlobal } from '../helpers/wasm.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

// Statuses.

test('unknown, stale, forged and closed handles give CLOSED from every import', async (t) => {
  const server = await scripted();
  const asker = server.connect();
  const gone = server.connect();
  gone.close();
  const reset = server.connect();
  const [own] = statuses(server, asker, 'H;');
  reset.send('x .,1;');
  const forged = [
    0,
    -1,
    1,
    7,
    2 ** 31 - 1,
    -(2 ** 31),
    own! + 1,
    own! - 1,
    own! ^ (1 << 20),
    ~own!,
  ];
  const targets = ['1', '2', ...forged.map((handle) => `#${handle}`)];
  for (const target of targets) {
    const script = `s ${target},x;s ${target},;x ${target},0;x ${target},1;x ${target},2;P ${target};R ${target};w ${target},1;t ${target},1;a ${target},9;`;
    t.deepEqual(statuses(server, asker, script), new Array(10).fill(STATUS_CLOSED), target);
  }
  t.is(asker.text(), '');
  t.is(asker.state, 'open');
});

test('the own connection is CLOSED in its on_close, others are not', async (t) => {
  const server = await scripted();
  const other = server.connect();
  const peer = open(server, 'e c{s .,x;x .,0;P .;R .;w .,1;t .,1;a .,9;s 0,farewell;}');
  logged(server);
  peer.end();
  const line = logged(server).find((text) => text.startsWith('='));
  t.is(line, `=${'-1 '.repeat(7)}8`);
  t.is(other.text(), 'farewell');
});

test('after close(0) sends and settings give STATE, only an abort is still taken', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  const script = 's .,before;x .,0;s .,x;s .,;x .,0;x .,2;P .;R .;w .,1;t .,1;';
  t.deepEqual(statuses(server, peer, script), [6, STATUS_OK, ...new Array(8).fill(STATUS_STATE)]);
  t.is(peer.text(), 'before');
  const slow = open(server, 's .,does not fit;x .,0;', 4);
  const asker = server.connect();
  t.deepEqual(statuses(server, asker, 's 1,x;x 1,0;x 1,2;P 1;'), new Array(4).fill(STATUS_STATE));
  t.deepEqual(statuses(server, asker, 'x 1,1;s 1,x;'), [STATUS_OK, STATUS_CLOSED]);
  t.is(slow.state, 'reset');
});

test('after close(2) sends give STATE, the rest goes on', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  const script = 's .,a;x .,2;s .,x;s .,;x .,2;P .;R .;w .,0;t .,1;x .,0;';
  t.deepEqual(statuses(server, peer, script), [1, 0, -4, -4, -4, 0, 0, 0, 0, 0]);
});

test('after close(1) everything gives CLOSED', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  const script = 'x .,1;s .,x;x .,0;x .,1;x .,2;P .;R .;w .,0;t .,1;';
  t.deepEqual(statuses(server, peer, script), [0, ...new Array(8).fill(STATUS_CLOSED)]);
  t.is(peer.state, 'reset');
});

test('an unknown way to close gives BOUNDS and closes nothing', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  t.deepEqual(statuses(server, peer, 'x .,3;x .,-1;x .,2147483647;'), [-2, -2, -2]);
  t.is(peer.state, 'open');
});

// One page of memory, of which each call tries one range; the status goes out as a log level's text.
const rangeGuest = (imported: 'send' | 'peer_address' | 'log', address: number, length: number) =>
  guest({
    memory: { min: 4, max: 4 },
    globals: { status: 99 },
    functions: {
      on_data: [
        ...(imported === 'log' ? [i32(1)] : [get(0)]),
        ...[i32(address), i32(length), call(imported)],
        ...(imported === 'log' ? [i32(0)] : []),
        setGlobal('status'),
        ...[get(3), returns],
      ],
      on_end: [[0x23, { global: 'status' }], returns],
    },
  });

test('every range at the edges of the memory is judged right by every import', async (t) => {
  const policy = { ...small, receiveWindowBytes: 2 * KiB, maxFrameBytes: KiB };
  const size = 4 * 65_536;
  const edges = [0, 1, size - 1, size, size + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
  for (const address of edges) {
    for (const length of edges) {
      const inside = address + length <= size;
      const bytes = rangeGuest('send', address, length);
      const server = await harness(bytes, { policy });
      const peer = server.connect();
      peer.send('x');
      t.is(peer.received().length, inside ? length : 0, `send ${address} ${length}`);
      const name = await harness(rangeGuest('peer_address', address, length), { policy });
      name.connect({ address: 'abc' }).send('x');
      const log = await harness(rangeGuest('log', address, length), { policy });
      log.connect().send('x');
      t.is(log.logs.length, inside ? 1 : 0, `log ${address} ${length}`);
      t.deepEqual([...server.traps, ...name.traps, ...log.traps], []);
    }
  }
});

test('a range outside the memory gives BOUNDS, inside the count', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  const [pages] = statuses(server, peer, 'g 0;');
  const size = pages! * 65_536;
  const script = [
    [0, 0],
    [size, 0],
    [size - 1, 1],
    [size, 1],
    [size + 1, 0],
    [size - 1, 2],
    [0, 2 ** 31],
    [2 ** 31, 1],
    [2 ** 32 - 1, 1],
    [2 ** 32 - 1, 2 ** 32 - 1],
    [1, 2 ** 32 - 1],
  ];
  const commands = script.map(([address, length]) => `p .,${address},${length};`).join('');
  t.deepEqual(statuses(server, peer, commands), [0, 0, 1, ...new Array(8).fill(STATUS_BOUNDS)]);
  t.is(peer.received().length, 1);
});

test('memory that has just grown may be sent from at once', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  const [pages] = statuses(server, peer, 'g 1;');
  const edge = (pages! + 1) * 65_536;
  t.deepEqual(statuses(server, peer, `p .,${edge - 3},3;p .,${edge},1;g 1;p .,${edge},2;`), [
    3,
    STATUS_BOUNDS,
    pages! + 1,
    5,
  ]);
});

test('peer_address writes no more than the capacity and tells the full length', async (t) => {
  const server = await scripted();
  const peer = server.connect({ address: '[2001:db8::1]:4711' });
  for (const [capacity, shown] of [
    [0, ''],
    [5, '[2001'],
    [18, '[2001:db8::1]:4711'],
    [24, '[2001:db8::1]:4711'],
  ] as const) {
    logged(server);
    peer.send(`a .,${capacity};`);
    const lines = logged(server);
    t.is(lines[1], shown.padEnd(24, '.'));
    t.is(lines[2], '=18');
  }
});

test('bytes are copied when they are sent: the buffer may be reused at once', async (t) => {
  const server = await scripted();
  const [peer, other] = [server.connect(), open(server, '', 3)];
  peer.send('c .,one;c .,two;c 1,three;c .,four;c 1,five;');
  t.is(peer.text(), 'onetwofour');
  t.is(other.text(), 'threefive');
});

test('sends from the window, from elsewhere and across its edge keep their order', async (t) => {
  const server = await scripted();
  const peer = server.connect();
  const script = 's .,window;c .,copy;W .,0,8;c .,again;s .,end;W .,-4,2;';
  peer.send(script);
  const text = peer.text();
  t.true(text.startsWith(`windowcopy${script.slice(0, 8)}againend`));
  t.is(text.length, 'windowcopyagainend'.length + 8 + 2);
});

test('length 0 only asks: it tells the backlog and sends nothing', async (t) => {
  const server = await scripted();
  const slow = open(server, 's .,;s .,0123456789;s .,;', 4);
  t.deepEqual(logged(server), ['open 0', '=0 10 10']);
  const asker = server.connect();
  t.deepEqual(statuses(server, asker, 's 0,;s 0,ab;s 0,;'), [6, 8, 8]);
  t.is(slow.text(), '0123456789ab');
  t.deepEqual(statuses(server, asker, 's 0,;'), [0]);
});

test('answers from the window are held back by the high-water mark like all others', async (t) => {
  const server = await scripted();
  const peer = open(server, 'q;m 3,1;e d{W .,0,60000;}', 200_000);
  peer.send(new Uint8Array(131_072).fill(0x3b));
  t.is(peer.closeReason, undefined);
  t.true(server.stats().backlogBytes < MiB, `${server.stats().backlogBytes}`);
});

// Caps.

test('staged bytes over the cap of a callback are refused, and nothing is aborted', async (t) => {
  const policy = {
    maxStagedBytes: 64 * KiB,
    receiveWindowBytes: 64 * KiB,
    maxFrameBytes: 32 * KiB,
  };
  const server = await scripted({ policy });
  const peer = server.connect();
  t.deepEqual(statuses(server, peer, 'b .,40000,1,x;b .,40000,1,y;b .,25536,1,z;b .,1,1,!;'), [
    40_000,
    STATUS_LIMIT,
    65_536,
    STATUS_LIMIT,
  ]);
  t.is(peer.text(), 'x'.repeat(40_000) + 'z'.repeat(25_536));
  t.deepEqual(statuses(server, peer, 'b .,40000,1,x;'), [40_000]);
});

test('bytes sent from the window count against the cap of a callback as well', async (t) => {
  const policy = { maxStagedBytes: 4 * KiB, receiveWindowBytes: 4 * KiB };
  const server = await scripted({ policy });
  const [peer, other] = [server.connect(), server.connect()];
  const padding = 'z'.repeat(3000);
  t.deepEqual(statuses(server, peer, `E;W 1,0,1000;W 1,0,2000;${padding}`), [
    3024,
    1000,
    STATUS_LIMIT,
  ]);
  t.is(peer.received().length, 3024);
  t.is(other.received().length, 1000);
});

test('staged sends over the cap of a callback are refused', async (t) => {
  const server = await scripted({ policy: { maxStagedSends: 16 } });
  const peer = server.connect();
  t.deepEqual(
    statuses(server, peer, '* 15{s .,x;}'),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  peer.received();
  const over = statuses(server, peer, '* 20{s .,y;}P .;R .;t .,5;w .,1;x .,0;s .,;');
  t.deepEqual(over.slice(15, 25), [16, -3, -3, -3, -3, -3, -3, -3, -3, -3]);
  t.is(over.at(-1), 16);
  t.is(peer.text(), 'y'.repeat(16));
  t.is(peer.state, 'open');
});

test('as many sends and bytes as the caps allow go out in every state of the batch', async (t) => {
  const server = await scripted({ policy: { maxStagedSends: 4096 } });
  const module = guest({
    functions: {
      on_data: [...[get(0), get(2), i32(1), call('send'), drop], ...[i32(1)]],
    },
  });
  const simple = await harness(module);
  const peer = simple.connect();
  const text = 'abcdefgh'.repeat(1000);
  peer.send(text);
  t.is(peer.text(), text);
  const many = server.connect();
  many.send('q;b .,3,4096,x;b .,3,1,y;');
  t.is(many.text(), 'x'.repeat(3 * 4096));
});

test('a backlog over its cap gives LIMIT and aborts the connection when the callback returns', async (t) => {
  const server = await scripted({ policy: { maxBacklogBytes: 512 * KiB } });
  const victim = open(server, '', 10);
  const peer = server.connect();
  t.deepEqual(statuses(server, peer, 'b 0,300000,1,x;'), [300_000]);
  t.deepEqual(statuses(server, peer, 'b 0,224288,1,x;b 0,11,1,x;s 0,;s .,fine;'), [
    524_278,
    STATUS_LIMIT,
    STATUS_CLOSED,
    4,
  ]);
  t.is(victim.closeReason, REASON_LIMIT);
  t.is(victim.state, 'reset');
  t.is(peer.text(), 'fine');
  t.is(server.stats().errors.LIMIT, 1);
  t.is(server.stats().backlogBytes, 0);
});

test('host calls over the budget of a callback stop the guest', async (t) => {
  const server = await scripted({ policy: { hostCallsPerCallback: 10 } });
  const peer = server.connect();
  peer.send('q;h 9;');
  t.is(peer.closeReason, undefined);
  peer.send('h 11;');
  t.is(peer.closeReason, REASON_TRAP);
});

test('connections over maxConnections are closed at once, without data', async (t) => {
  const server = await scripted({ policy: { maxConnections: 2 } });
  const [a, b] = [server.connect(), server.connect()];
  const refused = open(server, 's .,never;');
  t.is(refused.state, 'ended');
  t.is(refused.text(), '');
  t.is(refused.closeReason, undefined);
  t.deepEqual(server.stats().connections, { open: 2, total: 2, refused: 1 });
  a.close();
  const next = open(server, 's .,welcome;');
  t.is(next.text(), 'welcome');
  b.close();
  next.close();
  t.deepEqual(leftovers(server), nothing);
});

// Back-pressure.

test('a backlog over the high-water mark stops reading, and below the low-water mark it goes on', async (t) => {
  const policy = {
    highWaterBytes: 100,
    lowWaterBytes: 50,
    receiveWindowBytes: 2048,
    maxFrameBytes: 1024,
  };
  const server = await scripted({ policy });
  const peer = open(server, 'q;m 1,1000;', 2000);
  peer.send('x'.repeat(2000));
  peer.send('y'.repeat(150));
  const read = server.stats().bytesIn;
  t.is(server.stats().backlogBytes, 150);
  peer.send('z'.repeat(500));
  t.is(server.stats().bytesIn, read);
  t.is(peer.text(), 'x'.repeat(2000) + 'y'.repeat(150) + 'z'.repeat(500));
});

test('on_drain is called once when the backlog has fallen to the low-water mark', async (t) => {
  const policy = { highWaterBytes: 100, lowWaterBytes: 50 };
  const server = await scripted({ policy });
  const peer = open(server, 'b .,60,2,x;', 10);
  const other = server.connect();
  logged(server);
  const drains = () => logged(server).filter((line) => line.startsWith('drain')).length;
  peer.received();
  t.is(drains(), 1);
  other.send('b 0,60,1,y;');
  peer.received();
  t.is(drains(), 0);
  other.send('b 0,120,1,y;');
  t.is(drains(), 0);
  peer.received();
  t.is(drains(), 1);
});

test('a connection that is filled up again drains again', async (t) => {
  const server = await scripted({ policy: { highWaterBytes: 100, lowWaterBytes: 50 } });
  const peer = open(server, '', 20);
  const other = server.connect();
  for (let round = 0; round < 3; round += 1) {
    other.send('b 0,200,1,x;');
    t.is(peer.received().length, 200);
  }
  t.is(logged(server).filter((line) => line.startsWith('drain')).length, 3);
});

test('held input of a blocked connection is delivered when it drains', async (t) => {
  const server = await scripted({ policy: { highWaterBytes: 100, lowWaterBytes: 50 } });
  const peer = open(server, 'q;m 2,0;', 400);
  const line = `${'x'.repeat(79)}\n`;
  for (let index = 0; index < 20; index += 1) peer.send(line);
  peer.end();
  const sent = server.stats().bytesIn;
  t.true(sent < 1600);
  t.is(peer.text().length % 80, 0);
  t.is(peer.state, 'ended');
});

test('the end of a blocked peer is told after the drain', async (t) => {
  const server = await scripted({ policy: { highWaterBytes: 100, lowWaterBytes: 50 } });
  const peer = open(server, 'b .,300,1,x;', 10);
  peer.end();
  t.false(logged(server).includes('end 0'));
  t.is(peer.received().length, 300);
  t.deepEqual(logged(server), ['drain 0', 'end 0', 'close 0 1 0']);
});

// The pool.

const pool = {
  poolBytes: MiB,
  maxBacklogBytes: MiB,
  highWaterBytes: 512 * KiB,
};

test('when the pool runs low the connection with the most pages is aborted', async (t) => {
  const server = await scripted({ policy: pool });
  const hog = open(server, 'b .,500000,1,h;', 4);
  const modest = open(server, 'b .,200000,1,m;', 4);
  const asker = open(server, '', 4);
  const other = server.connect();
  other.send('b 2,200000,1,a;');
  t.is(hog.closeReason, undefined);
  other.send('b 2,80000,1,a;');
  t.is(hog.closeReason, REASON_MEMORY);
  t.is(hog.state, 'reset');
  t.is(server.stats().errors.MEMORY, 1);
  t.is(modest.text(), 'm'.repeat(200_000));
  t.is(asker.text(), 'a'.repeat(280_000));
  t.is(server.stats().poolBytes, 0);
});

test('the connection that asks is aborted when it holds the most', async (t) => {
  const server = await scripted({ policy: pool });
  const asker = open(server, 'b .,700000,1,a;', 4);
  const modest = open(server, 'b .,200000,1,m;', 4);
  server.connect().send('b 0,150000,1,a;');
  t.is(asker.closeReason, REASON_MEMORY);
  t.is(modest.text(), 'm'.repeat(200_000));
  t.deepEqual(leftovers(server), { ...nothing, open: 2 });
});

test('the longer a connection makes no progress, the less it may hold', async (t) => {
  const server = await scripted({ policy: pool });
  const idle = open(server, 'b .,200000,1,i;', 4);
  server.advance(10_000);
  const larger = open(server, 'b .,500000,1,l;', 4);
  const asker = open(server, '', 4);
  server.connect().send('b 2,280000,1,a;');
  t.is(idle.closeReason, REASON_MEMORY);
  t.is(larger.text(), 'l'.repeat(500_000));
  t.is(asker.text(), 'a'.repeat(280_000));
});

test('a connection alone that asks for more than the pool has is aborted', async (t) => {
  const server = await scripted({ policy: { ...pool, maxStagedBytes: 2 * MiB } });
  const asker = open(server, 'q;m 1,1;P .;e d{P .;}', 4);
  const other = server.connect();
  asker.send('xx');
  other.send('R 0;');
  // Its first held byte has had a page cut. Its output may have all others, and not one more.
  t.is(server.stats().poolBytes, 16 * KiB);
  other.send('b 0,1030000,1,a;');
  t.is(server.stats().poolBytes, MiB);
  t.is(asker.closeReason, undefined);
  other.send('b 0,15000,1,a;');
  t.is(asker.closeReason, REASON_MEMORY);
  t.is(server.stats().poolBytes, 0);
  other.send('s .,fine;');
  t.is(other.text(), 'fine');
});

test('held input counts towards the pool', async (t) => {
  const server = await scripted({
    policy: {
      ...pool,
      highWaterBytes: 100_000,
      receiveWindowBytes: 450_000,
      maxFrameBytes: 225_000,
    },
  });
  const holder = open(server, 'q;m 1,1;P .;e d{P .;}');
  const [first, second] = [open(server, '', 4), open(server, '', 4)];
  const other = server.connect();
  holder.send('x'.repeat(400_000));
  other.send('R 0;');
  server.advance(2_000);
  other.send('b 1,300000,1,a;');
  t.is(holder.closeReason, undefined);
  other.send('b 2,300000,1,a;');
  t.is(holder.closeReason, REASON_MEMORY);
  t.is(first.text().length, 300_000);
  t.is(second.text().length, 300_000);
});

test('a client that never reads costs no more than marks and one window', async (t) => {
  const policy = {
    highWaterBytes: 64 * KiB,
    lowWaterBytes: 16 * KiB,
    receiveWindowBytes: 32 * KiB,
    maxFrameBytes: 16 * KiB,
  };
  const server = await echo({ policy });
  const glutton = server.connect({ bufferBytes: 10_000 });
  const other = server.connect();
  for (let index = 0; index < 200; index += 1) {
    glutton.send(new Uint8Array(10_000));
    other.send('x');
  }
  t.true(server.stats().backlogBytes <= (64 + 32) * KiB, `${server.stats().backlogBytes}`);
  t.is(other.text().length, 200);
});

// Order, whatever the buffers.

const chunk = fc.record({
  bytes: fc.integer({ min: 1, max: 60 }),
  read: fc.boolean(),
  copied: fc.boolean(),
});

test('a stream is never torn, whatever the buffers and the reading', async (t) => {
  const module = echoModule();
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(chunk, { maxLength: 40 }),
      async (bufferBytes, highWaterBytes, chunks) => {
        const policy = { ...small, highWaterBytes, lowWaterBytes: highWaterBytes >> 1 };
        const server = await harness(module, { policy });
        const peer = server.connect({ bufferBytes });
        const sent: number[] = [];
        const received: number[] = [];
        for (const { bytes, read } of chunks) {
          const part = Uint8Array.from({ length: bytes }, (_, index) => sent.length + index);
          const taken = Math.max(0, peer.send(part));
          sent.push(...part.subarray(0, taken));
          if (read) received.push(...peer.received());
        }
        peer.end();
        received.push(...peer.received());
        t.deepEqual(received, sent);
        t.is(peer.state, 'ended');
        t.deepEqual(leftovers(server), nothing);
      },
    ),
    { numRuns: 200 },
  );
});

test('sends of different callbacks keep their order across the backlog', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(chunk, { minLength: 1, maxLength: 30 }),
      async (bufferBytes, chunks) => {
        const server = await scripted({ policy: small });
        const slow = open(server, '', bufferBytes);
        const senders = [server.connect(), server.connect()];
        let sent = '';
        let received = '';
        chunks.forEach(({ bytes, read, copied }, index) => {
          const text = String.fromCharCode(97 + (index % 26)).repeat(bytes);
          const half = bytes >> 1;
          const [first, second] = [text.slice(0, half), text.slice(half).toUpperCase()];
          const [one, two] = copied ? ['c', 's'] : ['s', 'c'];
          senders[index % 2]!.send(`${one} 0,${first};${two} 0,${second};`);
          sent += first + second;
          if (read) received += slow.text();
        });
        received += slow.text();
        t.is(received, sent);
      },
    ),
    { numRuns: 100 },
  );
});
