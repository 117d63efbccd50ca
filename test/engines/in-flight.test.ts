// The time limit of what was sent and is not answered.

import { MessageChannel } from 'node:worker_threads';
import test from 'ava';
import { InFlight } from '../../host/engines/in-flight.ts';

test('each that waits for too long is told in its turn, and no other', async (t) => {
  const late: number[] = [];
  await new Promise<void>((resolve) => {
    const sent: InFlight<number> = new InFlight(5, () => {
      for (let one = sent.overdue(); one !== undefined; one = sent.overdue()) {
        late.push(one);
        sent.shift();
      }
      if (late.includes(3)) resolve();
    });
    sent.add(0);
    sent.add(1);
    t.is(sent.shift(), 0);
    setTimeout(() => {
      sent.add(2);
      setTimeout(() => sent.add(3), 20);
    }, 20);
    // Nothing here keeps the process alive by itself.
    const alive = setInterval(() => undefined, 1000);
    t.teardown(() => clearInterval(alive));
  });
  t.deepEqual(late, [1, 2, 3]);
});

test('an answer that came while the event loop was held up is not too late', async (t) => {
  const channel = new MessageChannel();
  t.teardown(() => channel.port1.close());
  let late = 0;
  const sent: InFlight<number> = new InFlight(1, () => {
    late += 1;
    sent.shift();
  });
  const answered = new Promise<void>((resolve) => {
    channel.port1.on('message', () => {
      sent.shift();
      resolve();
    });
  });
  sent.add(1);
  channel.port2.postMessage('answer');
  for (const until = performance.now() + 20; performance.now() < until; );
  await answered;
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(late, 0);
});

test('thousands in flight are counted, and taken from the front', (t) => {
  const sent = new InFlight<number>(60_000, () => t.fail());
  for (let count = 0; count < 5000; count += 1) sent.add(count);
  for (let count = 0; count < 4000; count += 1) t.is(sent.shift(), count);
  t.deepEqual([sent.size, sent.oldest], [1000, 4000]);
  sent.clear();
  t.deepEqual([sent.size, sent.oldest, sent.shift()], [0, undefined, undefined]);
});
