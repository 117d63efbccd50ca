// The addon's transfers, pipes, eventfds and duplicates; errors; and descriptors that run out.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import {
  descriptors,
  detach,
  NO_FD,
  outOfRange,
  owned,
  portOf,
  readable,
  socketpair,
} from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';

const { constants } = native;
const bytes = new Uint8Array(8);
const spare = native.epoll();

test('recv, send, read and write move a checked range', (t) => {
  const [a, b] = socketpair(t);
  const data = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const into = new Uint8Array(new SharedArrayBuffer(8));
  t.is(native.send(a, data, 2, 3), 3);
  t.is(native.recv(b, into, 1, 7), 3);
  t.is(native.write(a, data, 6, 2), 2);
  t.is(native.read(b, into, 6, 2), 2);
  t.deepEqual([...into], [0, 3, 4, 5, 0, 0, 7, 8]);
  t.is(native.send(a, data, 8, 0), 0);
  for (const call of [native.recv, native.read]) {
    t.is(call(b, into, 0, 8), -constants.EAGAIN);
    t.is(call(NO_FD, into, 0, 8), -constants.EBADF);
    outOfRange(t, () => call(b, into, 0, 0));
  }
  for (const call of [native.recv, native.send, native.read, native.write]) {
    outOfRange(t, () => call(a, data, 8, 1));
    outOfRange(t, () => call(a, data, 0, 9));
    outOfRange(t, () => call(a, data, 1, Number.MAX_SAFE_INTEGER));
    outOfRange(t, () => call(a, data, Number.MAX_SAFE_INTEGER, 1));
    const lost = new Uint8Array(8);
    detach(lost.buffer);
    outOfRange(t, () => call(a, lost, 0, 1));
  }
});

test('pipes and eventfds carry bytes and wake-ups', (t) => {
  const [from, to] = native.pipe() as [number, number];
  owned(t, from);
  owned(t, to);
  t.is(native.write(to, bytes, 0, 8), 8);
  t.is(native.read(from, bytes, 0, 8), 8);
  t.is(native.write(from, bytes, 0, 1), -constants.EBADF);
  const event = owned(t, native.eventfd(2 ** 32 - 1));
  const value = new BigUint64Array(1);
  t.is(native.read(event, new Uint8Array(value.buffer), 0, 8), 8);
  t.is(value[0], 2n ** 32n - 1n);
  t.is(native.read(event, new Uint8Array(value.buffer), 0, 8), -constants.EAGAIN);
  t.is(native.write(event, bytes, 0, 1), -constants.EINVAL);
});

test('duplicates have the number that was asked for, or the next free one', (t) => {
  const event = owned(t, native.eventfd(1));
  const first = owned(t, native.dup(event, 500));
  const second = owned(t, native.dup(event, 500));
  t.deepEqual([first, second], [500, 501]);
  const other = owned(t, native.eventfd(0));
  t.is(native.dup2(other, first), first);
  const counter = new Uint8Array(8);
  t.is(native.read(first, counter, 0, 8), -constants.EAGAIN);
  t.is(native.read(second, counter, 0, 8), 8);
  t.is(native.dup2(first, first), first);
  t.is(native.dup(NO_FD, 0), -constants.EBADF);
  t.is(native.dup2(NO_FD, first), -constants.EBADF);
  t.is(native.dup2(NO_FD, NO_FD), -constants.EBADF);
});

test('every descriptor is non-blocking and closed in children', async (t) => {
  const folder = temporary(t);
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const client = owned(t, native.connectTcp('127.0.0.1', portOf(listener)));
  await readable(listener);
  const fds = [
    listener,
    client,
    owned(t, native.accept(listener)),
    owned(t, native.listenUnix(path.join(folder, 'x'), 0o600, 1)),
    owned(t, native.connectUnix(path.join(folder, 'x'))),
    owned(t, native.eventfd(0)),
    owned(t, native.dup(listener, 0)),
    ...socketpair(t),
    ...(native.pipe() as [number, number]).map((fd) => owned(t, fd)),
  ];
  const flags = (fd: number) => {
    const line = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:\s*0?(\d+)/)?.[1];
    return Number.parseInt(line ?? '0', 8);
  };
  for (const fd of fds) {
    t.is(flags(fd) & 0o2004000, 0o2004000, readlinkSync(`/proc/self/fd/${fd}`));
  }
  t.is(flags(spare.fd) & 0o2000000, 0o2000000);
});

test('errors have names with either sign, and unknown ones too', (t) => {
  t.is(native.errorName(constants.ECONNRESET), 'ECONNRESET');
  t.is(native.errorName(-constants.ECONNRESET), 'ECONNRESET');
  t.is(native.errorName(4000), 'Unknown system error -4000');
  t.is(native.errorName(0), 'Unknown system error 0');
});

test('a system error has the form of Node', (t) => {
  for (const errno of [constants.EPIPE, -constants.EPIPE]) {
    const error = native.systemError('send', errno);
    t.true(error instanceof Error);
    t.like(error, { code: 'EPIPE', errno: -constants.EPIPE, syscall: 'send' });
    t.is(error.message, 'send EPIPE: broken pipe');
  }
  t.is(native.systemError('x', 2, 'y').message, 'x ENOENT: no such file or directory y');
  t.is(native.systemError('x', 2, undefined).message, 'x ENOENT: no such file or directory');
});

test('the limit of descriptors is that of the process', (t) => {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\w+)/m)?.[1];
  t.is(native.fileLimit(), line === 'unlimited' ? Infinity : Number(line));
});

test.serial('calls that fail leave no descriptor behind', (t) => {
  const folder = temporary(t);
  const name = path.join(folder, 'a.sock');
  const unix = owned(t, native.listenUnix(name, 0o600, 1));
  const tcp = owned(t, native.listenTcp('127.0.0.1', 0, false, 1));
  const readOnly = path.join(folder, 'none', 'b.sock');
  const before = descriptors();
  for (let i = 0; i < 50; i += 1) {
    t.throws(() => native.listenUnix(name, 0o600, 1), { code: 'EADDRINUSE' });
    t.throws(() => native.listenUnix(readOnly, 0o600, 1), { code: 'ENOENT' });
    t.throws(() => native.listenTcp('127.0.0.1', portOf(tcp), false, 1), { code: 'EADDRINUSE' });
    t.true(native.connectUnix(readOnly) < 0);
    t.throws(() => new native.Watcher(NO_FD, () => {}), { code: 'EBADF' });
    t.true(native.accept(unix) < 0);
  }
  t.deepEqual(descriptors(), before);
});

test('a process without free descriptors gets EMFILE everywhere', async (t) => {
  const script = `
    import { native } from ${JSON.stringify(new URL('../../host/kernel/native.js', import.meta.url).href)};
    const listener = native.listenTcp('127.0.0.1', 0, false, 8);
    const port = Number(native.localAddress(listener).split(':')[1]);
    native.connectTcp('127.0.0.1', port);
    while (native.eventfd(0) >= 0);
    const name = (call) => {
      try { const result = call(); return native.errorName(result); } catch (error) { return error.code; }
    };
    console.log(JSON.stringify([
      () => native.accept(listener), () => native.pipe(), () => native.socketpair(),
      () => native.eventfd(0), () => native.epoll(), () => native.connectTcp('127.0.0.1', port),
      () => native.listenTcp('127.0.0.1', 0, false, 1), () => native.listenUnix('/x/y', 0o600, 1),
      () => new native.Watcher(listener, () => {}),
    ].map(name)));`;
  // A report of coverage would be a file more than there can be.
  const command = 'unset NODE_V8_COVERAGE; ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  const child = spawn('sh', ['-c', command, process.execPath, script]);
  const output: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => output.push(piece));
  child.stderr.on('data', (piece: Buffer) => output.push(piece));
  await once(child, 'close');
  t.is(Buffer.concat(output).toString().trim(), JSON.stringify(Array(9).fill('EMFILE')));
});
