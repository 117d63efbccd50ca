// Footprint: what connections cost the server in memory of its own, and what is left of them.
// npm run bench:footprint [-- CONNECTIONS]
// The binary runs as a child; RSS is what the kernel says of it, descriptors are counted in /proc.
// Exit status 1 when a connection costs 1 KiB or more, or something is left behind.

import { native } from '../host/kernel/native.ts';
import { descriptorCount, residentBytes } from '../test/helpers/proc.ts';
import { cli, Running } from '../test/helpers/process.ts';

const CONNECTIONS = 10_000;
const CYCLES = 10_000;
const PROBES = 100;
const TOGETHER = 200;
// Several destinations, so that ports in TIME_WAIT of one do not run out for the next.
const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];
const WAIT_MS = 10_000;
const KIB = 1024;
const MIB = 1024 * KIB;
const BYTES_EACH = KIB;
// V8 takes and returns memory in its own rhythm; a page kept for each cycle would be 40 MB.
const LEFT_BEHIND = 4 * MIB;

const epoll = native.epoll();
const events = new Uint32Array(3 * TOGETHER);
const byte = new Uint8Array([0x78]);
const answer = new Uint8Array(1);

const checked = (syscall: string, result: number): number => {
  if (result < 0) throw native.systemError(syscall, result);
  return result;
};

/** Opens connections, and has each of them echo a byte: then the server serves it. */
function open(ports: readonly number[], count: number): number[] {
  const fds: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = index % HOSTS.length;
    const fd = checked('connect', native.connectTcp(HOSTS[at]!, ports[at]!));
    checked('epoll_ctl', epoll.add(fd, native.constants.EPOLLOUT, fd, 0));
    fds.push(fd);
  }
  each(count, (fd) => {
    checked('send', native.send(fd, byte, 0, 1));
    checked('epoll_ctl', epoll.modify(fd, native.constants.EPOLLIN, fd, 0));
  });
  each(count, (fd) => {
    if (checked('recv', native.recv(fd, answer, 0, 1)) !== 1) throw new Error('closed');
    checked('epoll_ctl', epoll.remove(fd));
  });
  return fds;
}

/** Waits for so many events. */
function each(count: number, visit: (fd: number) => void): void {
  for (let left = count; left > 0; ) {
    const found = checked('epoll_wait', epoll.wait(events, WAIT_MS));
    if (found === 0) throw new Error(`${left} of ${count} connections got no answer`);
    for (let index = 0; index < found; index += 1) visit(events[index * 3]!);
    left -= found;
  }
}

const close = (fds: readonly number[]): void => {
  for (const fd of fds) native.close(fd);
};

/** A byte there and back on a new connection, in milliseconds. */
function probe(ports: readonly number[]): number {
  const start = performance.now();
  close(open(ports, 1));
  return performance.now() - start;
}

/** Connect, echo, close; so many of them at a time. */
function cycle(ports: readonly number[], cycles: number): void {
  for (let done = 0; done < cycles; done += TOGETHER) close(open(ports, TOGETHER));
}

/** Waits until the server has as few descriptors, for a while. */
async function descriptorsAt(pid: number, baseline: number): Promise<number> {
  for (let waited = 0; waited < WAIT_MS && descriptorCount(pid) > baseline; waited += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return descriptorCount(pid);
}

const show = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

async function main(server: Running, connections: number): Promise<string[]> {
  const { pid } = server;
  const ports = server.addresses.map((address) => Number(address.split(':')[1]));
  const failures: string[] = [];
  const idleDescriptors = descriptorCount(pid);
  cycle(ports, 2000);
  await descriptorsAt(pid, idleDescriptors);

  const before = residentBytes(pid);
  cycle(ports, CYCLES);
  const left = await descriptorsAt(pid, idleDescriptors);
  const after = residentBytes(pid);
  process.stdout.write(
    `${CYCLES} connect-echo-close cycles: RSS ${show(before)} before, ${show(after)} after; ` +
      `descriptors ${idleDescriptors} before, ${left} after\n`,
  );
  if (left !== idleDescriptors) failures.push('descriptors are left');
  if (after - before > LEFT_BEHIND) failures.push('memory is left');

  const idle: number[] = [];
  while (idle.length < connections) {
    idle.push(...open(ports, Math.min(TOGETHER, connections - idle.length)));
  }
  const full = residentBytes(pid);
  const bytes = (full - after) / connections;
  const times = Array.from({ length: PROBES }, () => probe(ports)).sort((a, b) => a - b);
  process.stdout.write(
    `${connections} idle connections: RSS ${show(after)} without, ${show(full)} with, ` +
      `${Math.round(bytes)} bytes each; ${PROBES} probes meanwhile answered in ` +
      `${times[PROBES / 2]!.toFixed(2)} ms (median), ${times.at(-1)!.toFixed(2)} ms (slowest)\n`,
  );
  if (bytes >= BYTES_EACH) failures.push(`an idle connection costs ${BYTES_EACH} bytes or more`);
  close(idle);
  const rest = await descriptorsAt(pid, idleDescriptors);
  process.stdout.write(`after their end: RSS ${show(residentBytes(pid))}; descriptors ${rest}\n`);
  if (rest !== idleDescriptors) failures.push('descriptors are left');
  return failures;
}

const wanted = Number(process.argv[2] ?? CONNECTIONS);
// Both processes need one descriptor for each connection, and some besides.
const possible = native.fileLimit() - 1000;
if (possible < wanted) {
  process.stderr.write(`${wanted} connections need a higher limit of descriptors (ulimit -n)\n`);
  process.exit(1);
}
const listeners = HOSTS.flatMap((host) => ['--listen', `${host}:0`]);
const server = new Running([cli, ...listeners], {});
await server.written('stdout', new RegExp(`(?:^listening on .*\n){${HOSTS.length}}`, 'm'));
const failures = await main(server, wanted);
server.kill('SIGTERM');
const { code } = await server.exited;
if (code !== 0) failures.push(`the server ended with ${code}`);
for (const failure of failures) process.stderr.write(`failed: ${failure}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
