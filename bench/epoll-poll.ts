// What poll costs, against Python's: `npm run bench:epoll`. The same number of eventfds is ready on
// both sides, and rounds alternate, so that what else the machine does meets both.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EPOLLIN, Epoll } from '../host/epoll/epoll.ts';
import { eventfd } from '../host/epoll/socket.ts';

const READY = [1, 100, 1000];
const ROUNDS = 15;

/** Events that a round brings, so that it takes some 20 ms whatever is ready. */
const EVENTS = 100_000;
const MOST_POLLS = 20_000;

const SCRIPT = fileURLToPath(new URL('../../bench/peers/epoll_poll.py', import.meta.url));

const python = spawn('python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();

/** Nanoseconds for `polls` polls. */
async function timePython(ready: number, polls: number): Promise<number> {
  python.stdin.write(`${ready} ${polls}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error('python3 has ended');
  return Number(value);
}

function timeHere(epoll: Epoll, polls: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < polls; i += 1) epoll.poll(0);
  return Number(process.hrtime.bigint() - start);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

async function compare(ready: number): Promise<void> {
  const polls = Math.min(MOST_POLLS, EVENTS / ready);
  const epoll = new Epoll();
  for (let i = 0; i < ready; i += 1) epoll.register(eventfd(1), EPOLLIN);
  const here: number[] = [];
  const there: number[] = [];
  // The first round is not counted: it compiles, and touches memory for the first time.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const times = [timeHere(epoll, polls), await timePython(ready, polls)] as const;
    if (round === 0) continue;
    here.push(times[0] / polls);
    there.push(times[1] / polls);
  }
  const ratios = here.map((value, i) => value / there[i]!);
  const [a, b] = [median(here), median(there)];
  const shown = [ready, (a / 1000).toFixed(2), (b / 1000).toFixed(2), median(ratios).toFixed(2)];
  const widths = [10, 14, 14, 8];
  console.log(shown.map((cell, i) => String(cell).padStart(widths[i]!)).join(''));
}

console.log('ready fds  wasmpoll, µs    Python, µs   ratio   (medians; below 1 is faster)');
for (const ready of READY) await compare(ready);
python.stdin.end();
