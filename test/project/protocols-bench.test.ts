// The bench of protocols: its load finds what is wrong with an answer, and its tables say what was measured. Nothing
// is timed.

import { createServer, type Socket } from 'node:net';
import test from 'ava';
import { Child } from '../../bench/load/child.ts';
import { compileC } from '../../bench/load/compile.ts';
import { parseProtocolOptions, UsageError } from '../../bench/options.ts';
import { reportOf } from '../../bench/protocols/report.ts';
import { runSuite } from '../../bench/protocols/rounds.ts';
import type { Case, Contender, Sample, Suite } from '../../bench/protocols/suite.ts';
import type { Owner } from '../helpers/process.ts';

const program = await compileC('load/exchange');

const hex = (text: string): string => Buffer.from(text).toString('hex');

/** A server that answers so many bytes each, with what `answer` makes of them. */
function answering(
  t: Owner,
  bytes: number,
  answer: (request: string, number: number) => string,
): Promise<string> {
  let number = 0;
  const serve = (socket: Socket): void => {
    let waiting = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      waiting += data.toString('latin1');
      let answers = '';
      for (; waiting.length >= bytes; waiting = waiting.slice(bytes)) {
        number += 1;
        answers += answer(waiting.slice(0, bytes), number);
      }
      socket.write(answers);
    });
  };
  const server = createServer(serve);
  t.teardown(() => void server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`127.0.0.1:${(server.address() as { port: number }).port}`);
    });
  });
}

function exchange(address: string, seconds: number): Child {
  const options = ['connections=12', 'depth=3', 'warmup=0', `seconds=${seconds}`];
  const child = new Child([program, `to=${address}`, ...options]);
  child.say(hex('get ??;'));
  child.say(hex('value\n'));
  return child;
}

test('each connection asks with its own number', async (t) => {
  const asked = new Set<string>();
  const address = await answering(t, 7, (request) => {
    asked.add(request);
    // This ends the load as soon as all have asked.
    return asked.size < 12 ? 'value\n' : 'wrong\n';
  });
  t.is(await exchange(address, 60).ended, 1);
  const expected = Array.from({ length: 12 }, (_, index) => `get ${`${index}`.padStart(2, '0')};`);
  t.deepEqual([...asked].sort(), expected);
});

test('one wrong byte of an answer ends the load', async (t) => {
  const address = await answering(t, 7, (_request, number) =>
    number === 50 ? 'valuE\n' : 'value\n',
  );
  const child = exchange(address, 60);
  t.is(await child.ended, 1);
  t.regex(child.stderr, /^exchange: a wrong byte came after \d+ answers\n$/);
});

const contender = (title: string, missing: string | null = null): Contender => ({
  title,
  missing: async () => missing,
  start: async () => ({ child: new Child(['cat']), port: 1 }),
});

const costs = (title: string, samples: Sample[]): Case => ({
  title,
  measure: async () => samples.shift()!,
});

const sample = (processorNs: number): Sample => ({ processorNs, rate: 1e9 / processorNs });

const suite = (cases: readonly Case[], ...contenders: readonly Contender[]): Suite => ({
  name: 'some',
  unit: 'command',
  contenders,
  cases,
  mostTimes: 1.3,
});

const pins = { server: [], load: [] };

test('ratios are those of the same round, and the first round does not count', async (t) => {
  // The order turns: in the second round ours comes first.
  const samples = [1, 1, 1500, 1000, 2000, 3000].map(sample);
  const some = suite([costs('all', samples)], contender('theirs'), contender('ours'));
  const outcome = await runSuite(some, pins, { rounds: 2, untilMs: 0 });
  t.is(outcome.rounds, 2);
  const text = reportOf(some, outcome);
  t.regex(text, /\| all \| 2\.25 : 1\.50 \| 1\.50 \(1\.50–1\.50\) \|/);
  t.regex(text, /missed: all: 1\.50 times the CPU of theirs; at most 1\.3\n$/);
});

test('without the reference nothing is compared, and it says why', async (t) => {
  const some = suite([costs('all', [])], contender('theirs', 'not there'));
  const text = reportOf(some, await runSuite(some, pins, { rounds: 1, untilMs: 0 }));
  t.is(text, 'left out: theirs: not there\nsome: nothing to compare with\n');
});

test('the options of the bench of protocols are rounds and names of suites', (t) => {
  t.deepEqual(parseProtocolOptions(['--rounds', '3', '--only', 'a'], ['a', 'b']), {
    rounds: 3,
    only: ['a'],
  });
  t.throws(() => parseProtocolOptions(['--only', 'c'], ['a', 'b']), { instanceOf: UsageError });
});
