// Messages between processes, over a bus that the test cuts: what one publishes the others get, and what they may
// have missed they are told.

import test, { type ExecutionContext } from 'ava';
import { readFrame } from '../../host/engines/frame.ts';
import { FLAG_PATTERN, FLAG_RETAIN, OP_GAP } from '../../host/shared/records.ts';
import { RoutedSide } from '../helpers/routed-side.ts';
import { Wire, type WireBus } from '../helpers/scripted-engines.ts';
import { type Event, join, publish } from '../helpers/shared-seats.ts';

interface Process {
  readonly process: RoutedSide;
  readonly bus: WireBus;
}

async function processes(t: ExecutionContext, count: number): Promise<Process[]> {
  const wire = new Wire();
  const all = Array.from({ length: count }, () => {
    const bus = wire.bus();
    return { bus, process: new RoutedSide(t, { bus }) };
  });
  for (const { process } of all) await process.router.start();
  return all;
}

const brief = (events: readonly Event[]): string[] =>
  events.map((event) => (event.kind === 'message' ? `${event.topic} ${event.data}` : event.kind));

test('a room is one room in all processes, and nobody gets a message twice', async (t) => {
  const [a, b, c] = await processes(t, 3);
  a!.process.commit(join(1, 0, 'room'));
  b!.process.commit(join(1, 0, 'room'), join(2, 0, 'ro#m'));
  a!.process.commit(publish(1, 'room', 'one'));
  b!.process.commit(publish(1, 'room', 'two'));
  t.deepEqual(brief(a!.process.take()), ['room one', 'room two']);
  t.deepEqual(brief(b!.process.take()), ['room one', 'room two']);
  t.deepEqual(brief(c!.process.take()), []);
  t.deepEqual(
    [a!, b!, c!].map(({ bus }) => bus.sent.length),
    [1, 1, 0],
  );
});

test('a retained message is retained in each process, and deleted in each', async (t) => {
  const [a, b] = await processes(t, 2);
  a!.process.commit(publish(1, 'sign', 'kept', FLAG_RETAIN));
  b!.process.commit(join(1, 0, 'sign'));
  t.deepEqual(brief(b!.process.take()), ['sign kept']);
  b!.process.commit(publish(1, 'sign', '', FLAG_RETAIN));
  a!.process.commit(join(1, 0, 'sign'));
  t.deepEqual(brief(a!.process.take()), []);
});

test('what is retained for a time is so in each process', async (t) => {
  const [a, b] = await processes(t, 2);
  a!.process.commit({ ...publish(1, 'sign', 'kept', FLAG_RETAIN), ttl: 1234 });
  a!.process.commit(publish(1, 'other', 'kept', FLAG_RETAIN));
  t.deepEqual(
    a!.bus.sent.map((frame) => readFrame(frame)!.ttlMs),
    [1234, 0],
  );
  b!.process.commit(join(1, 0, '+', FLAG_PATTERN));
  t.deepEqual(brief(b!.process.take()), ['sign kept', 'other kept']);
});

test('a message that the bus refuses is told to the others before the next one', async (t) => {
  const [a, b] = await processes(t, 2);
  b!.process.commit(join(1, 0, 'room'));
  a!.bus.connected = false;
  a!.process.commit(publish(1, 'room', 'lost'), publish(1, 'room', 'lost too'));
  a!.bus.connected = true;
  a!.process.commit(publish(1, 'room', 'found'));
  t.deepEqual(brief(b!.process.take()), ['missed', 'room found']);
  t.is(a!.process.router.stats.topics!.lost, 2);
});

test('what was lost is told when the bus is there again, though nothing more is said', async (t) => {
  const [a, b] = await processes(t, 2);
  b!.process.commit(join(1, 0, 'room'));
  a!.bus.connected = false;
  a!.process.commit(publish(1, 'room', 'lost'));
  a!.bus.connected = true;
  a!.bus.events!.ready();
  t.deepEqual(brief(b!.process.take()), ['missed']);
  a!.bus.events!.ready();
  t.is(a!.bus.sent.length, 1);
});

test('a frame that is lost on its way is told, after a while or with the next message', async (t) => {
  const [a, b] = await processes(t, 2);
  b!.process.commit(join(1, 0, 'room'));
  a!.bus.events!.lost();
  await b!.process.until((taken) => taken.length > 0);
  a!.bus.events!.lost();
  a!.process.commit(publish(1, 'room', 'next'));
  t.deepEqual(brief(b!.process.take()), ['missed', 'missed', 'room next']);
});

test('a gap of the bus is told to all members here', async (t) => {
  const [a] = await processes(t, 1);
  a!.process.commit(join(1, 7, 'room'), join(2, 7, 'other'));
  a!.bus.events!.gap();
  t.deepEqual(
    a!.process.take().flatMap((event) => (event.kind === 'missed' ? event.to : [])).length,
    2,
  );
  t.is(a!.process.router.stats.topics!.gaps, 1);
});

test('what had no room on its way to the router is told to the others', async (t) => {
  const [a, b] = await processes(t, 2);
  b!.process.commit(join(1, 0, 'room'));
  const bytes = new Uint8Array();
  const head = { handle: 0, tag: 0, flags: 0, ttlMs: 0, seat: 0, expected: bytes, delta: 0 };
  a!.process.router.record({ op: OP_GAP, first: bytes, second: bytes, ...head });
  t.deepEqual(brief(b!.process.take()), ['missed']);
});

test('what comes in and is no message of this kind changes nothing, or is told as missed', async (t) => {
  const [a] = await processes(t, 1);
  a!.process.commit(join(1, 0, '#', FLAG_PATTERN));
  const frame = (topic: string, data: string, length = topic.length): Uint8Array =>
    Buffer.from(`others!!\0${String.fromCharCode(length, 0)}${topic}${data}`, 'latin1');
  const { events } = a!.bus;
  events!.frame(new Uint8Array());
  events!.frame(Buffer.from('short'));
  events!.frame(frame('topic', '', 200));
  t.deepEqual(brief(a!.process.take()), []);
  events!.frame(frame('', 'no topic'));
  events!.frame(frame('wild/#', ''));
  events!.frame(frame('long', 'x'.repeat(65_537)));
  t.deepEqual(new Set(brief(a!.process.take())), new Set(['missed']));
  events!.frame(frame('topic', 'fine'));
  t.is(brief(a!.process.take()).at(-1), 'topic fine');
  t.is(a!.process.router.stats.topics!.malformed, 6);
});

test('a bus that is closed tells nothing more', async (t) => {
  const [a] = await processes(t, 1);
  a!.process.commit(join(1, 0, 'room'));
  await a!.process.router.close(60_000);
  t.true(a!.bus.closed);
  a!.bus.events!.gap();
  a!.bus.events!.lost();
  a!.bus.events!.ready();
  a!.bus.events!.frame(new Uint8Array(20));
  t.deepEqual(a!.process.take(), []);
});
