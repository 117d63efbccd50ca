// Frames between processes: they come back as they were made, and any other bytes do no harm. Whoever may publish to a
// Redis or NATS server can send any.

import test from 'ava';
import fc from 'fast-check';
import { Exchange } from '../../host/engines/exchange.ts';
import { makeFrame, PROCESS_BYTES, readFrame } from '../../host/engines/frame.ts';
import { loopTimers } from '../../host/engines/timers.ts';
import { OwnSide } from '../helpers/own-side.ts';

const process = fc.uint8Array({ minLength: PROCESS_BYTES, maxLength: PROCESS_BYTES });
const bytes = fc.uint8Array({ maxLength: 300 });
/** Without the bit that says that there is a time. */
const flags = fc.nat(255).map((bits) => bits & ~4);
const times = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 32 - 1 }));

test('a frame is read as it was made', (t) => {
  fc.assert(
    fc.property(process, flags, bytes, bytes, times, (from, bits, topic, data, ttlMs) => {
      const { flags: read, ...rest } = readFrame(makeFrame(from, bits, topic, data, ttlMs))!;
      t.deepEqual(rest, { process: from, topic, data, ttlMs });
      t.is(read, bits | (ttlMs > 0 ? 4 : 0));
    }),
  );
});

test('bytes of any kind are a message, a gap, or none, and cost nobody anything', (t) => {
  const side = new OwnSide({ groupBytes: 4000 }, { maxTopicBytes: 20, maxMessageBytes: 40 });
  const heard = side.listen('#', { pattern: true });
  const bus = {
    state: { connected: true, reconnects: 0 },
    start: () => Promise.resolve(),
    publish: () => true,
    close: () => Promise.resolve(),
  };
  const exchange = new Exchange(bus, side.member, new Uint8Array(PROCESS_BYTES), loopTimers);
  const short = fc.uint8Array({ maxLength: 30 });
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.tuple(process, fc.nat(7), short, short).map((parts) => makeFrame(...parts)),
  );
  fc.assert(
    fc.property(frames, (frame) => {
      exchange.frame(frame);
      side.settle();
    }),
    { numRuns: 1000 },
  );
  t.true(heard.length > 0);
  const { received, gaps, malformed } = exchange.counts;
  t.true(received > 0 && gaps > 0 && malformed > 0);
  exchange.close();
});
