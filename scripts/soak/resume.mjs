// Measures how soon 1,000 connections are answered after another one's callback has hung: npm run soak --
// resume --rounds N. Their messages are there before the watchdog acts. Exits with 1 when one is lost, or half
// of the rounds take more than 30 ms from the watchdog's decision to the last answer.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { serve } from '../../dist/host/index.js';
import { native } from '../../dist/host/kernel/native.js';
import { hazard } from '../../dist/test/helpers/hang-or-trap-guest.js';

const CLIENTS = 1000;
const LONGEST_MS = 30;
// The clock of both processes.
const now = () => Number(process.hrtime.bigint()) / 1e6;
const percentile = (times, part) =>
  [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * part)];

async function measure(rounds) {
  // The watchdog ends a thread at the moment when it has decided to.
  let decided = 0;
  const { terminate } = Worker.prototype;
  Worker.prototype.terminate = function noted() {
    decided = now();
    return terminate.call(this);
  };
  const server = await serve({
    protocol: hazard(),
    listen: '127.0.0.1:0',
    policy: { callbackTimeoutMs: 200, drainQuietMs: 0, graceMs: 1000 },
  });
  const port = server.addresses[0].split(':').pop();
  const [first, half, last] = [[], [], []];
  const client = fork(fileURLToPath(import.meta.url), ['--client', port]);
  await once(client, 'message');
  for (let round = 0; round < rounds; round += 1) {
    client.send('hang');
    const [{ answers, lost }] = await once(client, 'message');
    if (lost > 0) throw new Error(`${lost} connections were lost`);
    const after = answers.map((at) => at - decided);
    first.push(percentile(after, 0));
    half.push(percentile(after, 0.5));
    last.push(percentile(after, 1));
    // The next spare thread is to be ready.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  client.kill();
  await server.close();
  Worker.prototype.terminate = terminate;
  const shown = (times) =>
    `${percentile(times, 0.5).toFixed(1)} ms (90 %: ${percentile(times, 0.9).toFixed(1)})`;
  process.stdout.write(
    `${CLIENTS} connections, ${rounds} hangs, in the median after the watchdog's decision: first answer ` +
      `${shown(first)}, half of them ${shown(half)}, last ${shown(last)}\n`,
  );
  process.exitCode = percentile(last, 0.5) > LONGEST_MS ? 1 : 0;
}

/** The clients, by system calls alone: an event loop would take longer to read than the server to answer. */
async function beClients(port) {
  const { EPOLLIN } = native.constants;
  const epoll = native.epoll();
  const events = new Uint32Array(3 * CLIENTS);
  const byte = new Uint8Array(64).fill(0x20);
  const open = () => {
    const fd = native.connectTcp('127.0.0.1', port);
    if (fd < 0) throw native.systemError('connect', fd);
    return fd;
  };
  const fds = Array.from({ length: CLIENTS }, open);
  for (const fd of fds) epoll.add(fd, EPOLLIN, fd, 0);
  const ask = () => {
    for (const fd of fds) native.send(fd, byte, 0, 1);
  };
  const answers = () => {
    const at = [];
    let lost = 0;
    while (at.length + lost < CLIENTS) {
      const count = epoll.wait(events, -1);
      for (let event = 0; event < count; event += 1) {
        if (native.recv(events[event * 3], byte, 0, 64) > 0) at.push(now());
        else {
          lost += 1;
          epoll.remove(events[event * 3]);
        }
      }
    }
    return { answers: at, lost };
  };
  await new Promise((resolve) => setTimeout(resolve, 500));
  ask();
  answers();
  process.send('ready');
  for await (const _ of messages()) {
    const evil = open();
    await new Promise((resolve) => setTimeout(resolve, 20));
    native.send(evil, Uint8Array.of(0x48), 0, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    ask();
    process.send(answers());
    native.close(evil);
  }
}

async function* messages() {
  for (;;) yield (await once(process, 'message'))[0];
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, client: { type: 'string' } },
});
if (values.client !== undefined) await beClients(Number(values.client));
else if (/^[1-9]\d{0,3}$/.test(values.rounds)) await measure(Number(values.rounds));
else {
  process.stderr.write('soak resume: --rounds must be a whole number from 1 to 9999\n');
  process.exit(2);
}
