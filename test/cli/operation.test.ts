// Operation: how the commands of a running process follow one another.

import test from 'ava';
import { Operation } from '../../host/cli/operation.ts';
import { Signals } from '../../host/cli/signals.ts';
import { Logs } from '../../host/logs/logs.ts';

test.serial(
  'a hundred hangups during a reload cost one more, which reads what is there then',
  async (t) => {
    const signals = new Signals();
    const logs = new Logs({ level: 'silent' });
    const operation = new Operation(logs.logger, signals, logs, null, null);
    const ends: (() => void)[] = [];
    const refused: unknown[] = [];
    let begun: () => void = () => undefined;
    const reload = (): Promise<void> =>
      new Promise((resolve, reject) => {
        ends.push(ends.length === 1 ? () => reject(new Error('wrong')) : resolve);
        begun();
      });
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        begun = resolve;
      });
    operation.started(reload, (error) => refused.push(error));
    const first = next();
    process.emit('SIGHUP');
    await first;
    const second = next();
    for (let count = 0; count < 100; count += 1) process.emit('SIGHUP');
    t.is(ends.length, 1);
    ends[0]!();
    await second;
    const third = next();
    process.emit('SIGHUP');
    t.is(ends.length, 2);
    ends[1]!();
    await third;
    t.is(ends.length, 3);
    ends[2]!();
    await new Promise((resolve) => setImmediate(resolve));
    // Of the second, once.
    t.is(refused.length, 1);
  },
);

test.serial('who is to stop reads nothing again', (t) => {
  const signals = new Signals();
  const logs = new Logs({ level: 'silent' });
  const operation = new Operation(logs.logger, signals, logs, null, null);
  let reloads = 0;
  const told = new Promise((resolve) => {
    operation.started(async () => {
      reloads += 1;
    }, resolve);
  });
  process.emit('SIGTERM');
  process.emit('SIGHUP');
  return told.then((error) => {
    t.like(error, { code: 'ERR_CLOSED' });
    t.is(reloads, 0);
  });
});
