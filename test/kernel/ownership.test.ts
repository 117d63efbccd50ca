// What a thread has made is closed when it ends, and nothing else: not what was closed before, given
// away, or is somebody else's by now.

import { closeSync, existsSync, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { collect, descriptors, owned, portOf } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import { address, ENDS, end, thread } from '../helpers/threads.ts';

const { constants } = native;

/** Takes a free number with a file, as somebody else in the process would. */
function taken(number: number): number {
  const lower: number[] = [];
  let fd = openSync('/dev/null', 'r');
  while (fd < number) {
    lower.push(fd);
    fd = openSync('/dev/null', 'r');
  }
  for (const one of lower) closeSync(one);
  if (fd !== number) throw new Error(`the number ${number} is not free`);
  return fd;
}

const isOpen = (fd: number): boolean => {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
};

for (const how of ENDS) {
  test.serial(`a thread that ends leaves no descriptor and no socket file: ${how}`, async (t) => {
    const file = path.join(temporary(t), 'a.sock');
    const before = descriptors();
    const [worker, port] = await thread(
      t,
      `
      const tcp = native.listenTcp('127.0.0.1', 0, false, 8);
      const port = Number(native.localAddress(tcp).split(':')[1]);
      const unix = native.listenUnix(${JSON.stringify(file)}, 0o600, 8);
      const clients = [native.connectTcp('127.0.0.1', port), native.connectUnix(${JSON.stringify(file)})];
      const servers = [native.accept(tcp), native.accept(unix)];
      const epoll = native.epoll();
      for (const fd of servers) epoll.add(fd, native.constants.EPOLLIN, fd, 0);
      new native.Watcher(epoll.fd, () => {});
      globalThis.kept = [epoll, native.socketpair(), native.pipe(), native.eventfd(0), native.dup(tcp, 0)];
      say(port);`,
    );
    t.true(existsSync(file));
    await end(worker, how);
    t.deepEqual(descriptors(), before);
    t.false(existsSync(file));
    const client = owned(t, native.connectTcp('127.0.0.1', port as number));
    const epoll = native.epoll();
    t.teardown(() => epoll.close());
    epoll.add(client, constants.EPOLLOUT, 0, 0);
    epoll.wait(new Uint32Array(3), -1);
    const error = native.getOption(client, constants.SOL_SOCKET, constants.SO_ERROR);
    t.is(error, constants.ECONNREFUSED);
  });

  test.serial(`Epoll and the sockets beside it are closed with their thread: ${how}`, async (t) => {
    const file = path.join(temporary(t), 'a.sock');
    const before = descriptors();
    const [worker] = await thread(
      t,
      `
      const { Epoll, EPOLLIN } = await import(${address('../../host/epoll/epoll.js')});
      const sockets = await import(${address('../../host/epoll/socket.js')});
      const epoll = new Epoll();
      const unix = sockets.listenUnix(${JSON.stringify(file)});
      for (const fd of [unix, ...sockets.socketpair(), ...sockets.pipe(), sockets.eventfd()]) {
        if (fd !== unix) globalThis.kept = [epoll, fd];
        epoll.register(fd, EPOLLIN);
      }
      sockets.connectUnix(${JSON.stringify(file)});
      epoll.register(sockets.accept(unix), EPOLLIN);
      void epoll.pollAsync();
      say('ready');`,
    );
    await end(worker, how);
    t.deepEqual(descriptors(), before);
    t.false(existsSync(file));
  });
}

test.serial('what was closed in another thread is not closed again with its maker', async (t) => {
  const [worker, fd] = await thread(t, 'say(native.eventfd(0));');
  t.is(native.close(fd as number), 0);
  const other = taken(fd as number);
  await end(worker, 'exit');
  t.true(isOpen(other));
  closeSync(other);
});

test.serial('what was reset in another thread is not closed again with its maker', async (t) => {
  const [worker, pair] = await thread(t, 'say(native.socketpair());');
  const [fd, peer] = pair as [number, number];
  t.is(native.reset(fd), 0);
  const other = taken(fd);
  await end(worker, 'terminate');
  t.true(isOpen(other));
  t.is(native.close(peer), -constants.EBADF);
  closeSync(other);
});

test.serial('what a thread has given away stays open', async (t) => {
  const [worker, pair] = await thread(
    t,
    `
    const { disown, socketpair } = await import(${address('../../host/epoll/socket.js')});
    const pair = socketpair();
    disown(pair[0]);
    say(pair);`,
  );
  const [given, kept] = pair as [number, number];
  await end(worker, 'exit');
  t.is(native.close(kept), -constants.EBADF);
  t.is(native.recv(given, new Uint8Array(1), 0, 1), 0);
  t.is(native.close(given), 0);
});

test.serial(
  'a number that was closed by other means is left to whoever has it by then',
  async (t) => {
    const source = `
    import { closeSync } from 'node:fs';
    const sockets = await import(${address('../../host/epoll/socket.js')});
    const file = FILE;
    const all = [...sockets.pipe(), ...sockets.socketpair(), sockets.eventfd(), sockets.listenUnix(file)];
    process.removeAllListeners('warning');
    for (const fd of all) closeSync(fd);
    say(all);`;
    const file = path.join(temporary(t), 'a.sock');
    const [worker, numbers] = await thread(t, source.replace('FILE', JSON.stringify(file)));
    const others = (numbers as number[]).map((number) => taken(number));
    await end(worker, 'exit');
    t.deepEqual(
      others.map((fd) => isOpen(fd)),
      others.map(() => true),
    );
    // The listener was closed before, and its file stays then.
    t.true(existsSync(file));
    for (const fd of others) closeSync(fd);
  },
);

test.serial('a thread may make descriptors that belong to another one', async (t) => {
  const [worker, fd] = await thread(t, `native.makeFor(${native.owner}); say(native.eventfd(1));`);
  await end(worker, 'terminate');
  t.is(native.read(fd as number, new Uint8Array(8), 0, 8), 8);
  t.is(native.close(fd as number), 0);
});

test.serial('a socket file that another listener has put in its place stays', async (t) => {
  const file = path.join(temporary(t), 'a.sock');
  const source = `native.listenUnix(${JSON.stringify(file)}, 0o600, 8); say('ready');`;
  const [worker] = await thread(t, source);
  unlinkSync(file);
  owned(t, native.listenUnix(file, 0o600, 8));
  const { ino } = lstatSync(file);
  await end(worker, 'exit');
  t.is(lstatSync(file).ino, ino);
  t.true(owned(t, native.connectUnix(file)) >= 0);
});

test.serial('a socket file is found from another working directory', async (t) => {
  const folder = temporary(t);
  const before = process.cwd();
  t.teardown(() => process.chdir(before));
  process.chdir(folder);
  const [worker] = await thread(t, `native.listenUnix('a.sock', 0o600, 8); say('ready');`);
  t.true(existsSync(path.join(folder, 'a.sock')));
  process.chdir(before);
  await end(worker, 'exit');
  t.false(existsSync(path.join(folder, 'a.sock')));
});

test.serial(
  'a set whose number was closed by itself is not closed again by the collector',
  async (t) => {
    const numbers = Array.from({ length: 8 }, () => native.epoll()).map(({ fd }) => fd);
    for (const fd of numbers) native.close(fd);
    const others = numbers.map((number) => taken(number));
    await collect();
    t.true(others.every((fd) => isOpen(fd)));
    for (const fd of others) closeSync(fd);
  },
);

test.serial('not even if the same thread has the number again', async (t) => {
  const numbers = Array.from({ length: 8 }, () => native.epoll()).map(({ fd }) => fd);
  for (const fd of numbers) native.close(fd);
  const others = numbers.map(() => owned(t, native.eventfd(0)));
  t.deepEqual([...others].sort(), [...numbers].sort());
  await collect();
  t.true(others.every((fd) => native.write(fd, new Uint8Array(8).fill(1, 0, 1), 0, 8) === 8));
});

test.serial('a thread that ends leaves what other threads have made', async (t) => {
  const mine = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const [one] = await thread(t, 'native.eventfd(0); say(1);');
  const [two, fd] = await thread(t, 'say(native.eventfd(0));');
  await end(one, 'exit');
  t.true(portOf(mine) > 0);
  t.is(native.write(fd as number, new Uint8Array(new BigUint64Array([1n]).buffer), 0, 8), 8);
  await end(two, 'exit');
  t.is(native.close(fd as number), -constants.EBADF);
});
