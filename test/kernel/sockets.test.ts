// The addon's sockets: listening, connecting, accepting, names and options.

import { statSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import {
  connection,
  NO_FD,
  outOfRange,
  owned,
  portOf,
  readable,
  socketpair,
} from '../helpers/native.ts';
import { hasV6, temporary } from '../helpers/process.ts';

const { constants } = native;
const bytes = new Uint8Array(8);
const spare = native.epoll();

test('a TCP listener accepts, and both ends know their names', async (t) => {
  const [client, server] = await connection(t);
  t.is(native.localAddress(client), native.peerAddress(server));
  t.is(native.peerAddress(client), native.localAddress(server));
  t.regex(String(native.localAddress(client)), /^127\.0\.0\.1:\d+$/);
  t.is(native.getOption(client, constants.SOL_SOCKET, constants.SO_ERROR), 0);
});

test('IPv6 addresses stand in brackets, and mapped IPv4 ones as plain IPv4', async (t) => {
  if (!hasV6(t)) return t.pass();
  const only = owned(t, native.listenTcp('::1', 0, true, 8));
  t.is(native.localAddress(only), `[::1]:${portOf(only)}`);
  t.is(native.getOption(only, constants.IPPROTO_IPV6, constants.IPV6_V6ONLY), 1);
  const dual = owned(t, native.listenTcp('::', 0, false, 8));
  t.is(native.getOption(dual, constants.IPPROTO_IPV6, constants.IPV6_V6ONLY), 0);
  for (const [host, shown] of [
    ['127.0.0.1', /^127\.0\.0\.1:\d+$/],
    ['::1', /^\[::1\]:\d+$/],
    ['::1%lo', /^\[::1\]:\d+$/],
    ['::1%1', /^\[::1\]:\d+$/],
  ] as const) {
    const client = owned(t, native.connectTcp(host, portOf(dual)));
    await readable(dual);
    const server = owned(t, native.accept(dual));
    t.regex(String(native.peerAddress(server)), shown);
    t.is(native.peerAddress(server), native.localAddress(client));
  }
});

test('addresses that are not numeric are refused', (t) => {
  const bad = [
    '',
    'localhost',
    '127.1',
    '256.0.0.1',
    '1.2.3.4 ',
    ':::',
    '[::1]',
    '127.0.0.1%lo',
    '127.0.0.1\0',
    '::1%lo\0',
    '\0',
  ];
  for (const address of bad) {
    outOfRange(t, () => native.listenTcp(address, 0, false, 1));
    outOfRange(t, () => native.connectTcp(address, 1));
  }
  outOfRange(t, () => native.listenTcp('127.0.0.1', 65536, false, 1));
  outOfRange(t, () => native.connectTcp('127.0.0.1', 65536));
});

test('an address of an interface that is not there is ENODEV, and nothing can listen there', (t) => {
  for (const address of ['::1%', '::1%none', '::1%99999999999']) {
    outOfRange(t, () => native.listenTcp(address, 0, false, 1));
    t.is(native.errorName(native.connectTcp(address, 1)), 'ENODEV');
  }
});

test('a listener that cannot be made throws an error in the form of Node', (t) => {
  const first = owned(t, native.listenTcp('127.0.0.1', 0, false, 1));
  const port = portOf(first);
  t.like(
    t.throws(() => native.listenTcp('127.0.0.1', port, false, 1)),
    {
      code: 'EADDRINUSE',
      errno: -constants.EADDRINUSE,
      syscall: 'listen',
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    },
  );
  t.throws(() => native.listenTcp('192.0.2.1', 80, false, 1), { code: 'EADDRNOTAVAIL' });
  if (!hasV6(t)) return;
  const six = owned(t, native.listenTcp('::1', 0, true, 1));
  t.throws(() => native.listenTcp('::1', portOf(six), true, 1), {
    message: `listen EADDRINUSE: address already in use [::1]:${portOf(six)}`,
  });
});

test('a port can be listened on again while old connections linger', async (t) => {
  const listener = native.listenTcp('127.0.0.1', 0, false, 8);
  const port = portOf(listener);
  const client = native.connectTcp('127.0.0.1', port);
  await readable(listener);
  const server = native.accept(listener);
  native.close(server);
  native.close(client);
  native.close(listener);
  t.notThrows(() => owned(t, native.listenTcp('127.0.0.1', port, false, 8)));
});

test('acceptFrom tells the peer as bytes: its address, IPv4 as IPv6, and its port', (t) => {
  const peer = new Uint8Array(18).fill(1);
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  t.is(native.acceptFrom(listener, peer), -constants.EAGAIN);
  t.deepEqual(peer, new Uint8Array(18).fill(1), 'untouched');
  const [, port] = (native.localAddress(listener) as string).split(':');
  const client = owned(t, native.connectTcp('127.0.0.1', Number(port)));
  owned(t, native.acceptFrom(listener, peer));
  const [, own] = (native.localAddress(client) as string).split(':').map(Number);
  t.deepEqual([...peer], [...Array(10).fill(0), 255, 255, 127, 0, 0, 1, own! >> 8, own! & 255]);
  const name = `@wasmpoll-peer-${process.pid}`;
  const unix = owned(t, native.listenUnix(name, 0o600, 8));
  t.is(native.localAddress(unix), `unix:${name}`);
  owned(t, native.connectUnix(name));
  owned(t, native.acceptFrom(unix, peer));
  t.deepEqual(peer, new Uint8Array(18));
  outOfRange(t, () => native.acceptFrom(listener, new Uint8Array(17)));
});

test('users and groups have numbers, and nobody else has', (t) => {
  t.is(native.userId('root'), 0);
  t.is(native.groupId('root'), 0);
  t.is(native.userId('no-such-user'), -constants.ENOENT);
  t.is(native.groupId('no-such-group'), -constants.ENOENT);
  for (const id of [-2, 2 ** 32 - 1, 0.5]) {
    outOfRange(t, () => native.listenUnix('/nowhere/x', 0o600, 1, id));
    outOfRange(t, () => native.listenUnix('/nowhere/x', 0o600, 1, -1, id));
  }
});

test('accept answers −errno', (t) => {
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const [a] = socketpair(t);
  t.is(native.accept(listener), -constants.EAGAIN);
  t.is(native.accept(a), -constants.EINVAL);
  t.is(native.accept(spare.fd), -constants.ENOTSOCK);
  t.is(native.accept(NO_FD), -constants.EBADF);
});

test('a refused connection is told by SO_ERROR', async (t) => {
  const listener = native.listenTcp('127.0.0.1', 0, false, 1);
  const port = portOf(listener);
  native.close(listener);
  const client = owned(t, native.connectTcp('127.0.0.1', port));
  await readable(client);
  const error = native.getOption(client, constants.SOL_SOCKET, constants.SO_ERROR);
  t.is(error, constants.ECONNREFUSED);
});

test('a Unix listener has exactly its mode, whatever the umask', (t) => {
  const folder = temporary(t);
  const umask = process.umask();
  t.teardown(() => process.umask(umask));
  for (const mask of [0, 0o022, 0o777]) {
    process.umask(mask);
    for (const mode of [0o600, 0o660, 0o666, 0o777, 0]) {
      const name = path.join(folder, `${mask}-${mode}.sock`);
      owned(t, native.listenUnix(name, mode, 8));
      t.is(statSync(name).mode & 0o7777, mode);
    }
  }
});

test('Unix sockets connect, and are named by their path', async (t) => {
  const name = path.join(temporary(t), 'ünix.sock');
  const listener = owned(t, native.listenUnix(name, 0o600, 0));
  t.is(native.localAddress(listener), `unix:${name}`);
  const client = owned(t, native.connectUnix(name));
  t.is(native.peerAddress(client), `unix:${name}`);
  t.is(native.localAddress(client), 'unix:');
  const server = owned(t, native.accept(listener));
  t.is(native.peerAddress(server), 'unix:');
  t.is(native.localAddress(server), `unix:${name}`);
  owned(t, native.connectUnix(name));
  t.is(native.connectUnix(name), -constants.EAGAIN);
});

test('Unix listeners and connections fail with the errors of the kernel', (t) => {
  const folder = temporary(t);
  const name = path.join(folder, 'a.sock');
  const listener = native.listenUnix(name, 0o600, 1);
  t.throws(() => native.listenUnix(name, 0o600, 1), {
    code: 'EADDRINUSE',
    message: `listen EADDRINUSE: address already in use ${name}`,
  });
  native.close(listener);
  t.is(native.connectUnix(name), -constants.ECONNREFUSED);
  t.is(native.connectUnix(path.join(folder, 'none')), -constants.ENOENT);
  t.throws(() => native.listenUnix(path.join(folder, 'no', 'x'), 0o600, 1), { code: 'ENOENT' });
  const long = `/${'x'.repeat(106)}`;
  t.is(native.connectUnix(long), -constants.ENOENT);
  for (const bad of [`${long}x`, `/${'ü'.repeat(54)}`, '', 'a\0b']) {
    outOfRange(t, () => native.listenUnix(bad, 0o600, 1));
    outOfRange(t, () => native.connectUnix(bad));
  }
  outOfRange(t, () => native.listenUnix(name, 0o1000, 1));
});

test('a path of 107 bytes is whole', (t) => {
  const folder = temporary(t);
  const name = path.join(folder, 'x'.repeat(106 - folder.length));
  t.is(Buffer.byteLength(name), 107);
  t.is(native.localAddress(owned(t, native.listenUnix(name, 0o600, 1))), `unix:${name}`);
});

test('shutdown ends one direction', (t) => {
  const [a, b] = socketpair(t);
  t.is(native.shutdown(a, constants.SHUT_WR), 0);
  t.is(native.recv(b, bytes, 0, 8), 0);
  t.is(native.send(a, bytes, 0, 1), -constants.EPIPE);
  t.is(native.send(b, bytes, 0, 1), 1);
  const loose = owned(t, native.listenTcp('127.0.0.1', 0, false, 1));
  t.is(native.peerAddress(loose), -constants.ENOTCONN);
  t.is(native.shutdown(NO_FD, constants.SHUT_RD), -constants.EBADF);
  outOfRange(t, () => native.shutdown(a, 3));
});

test('close answers 0 once, and −EBADF after', (t) => {
  const fd = native.eventfd(0);
  t.is(native.close(fd), 0);
  t.is(native.close(fd), -constants.EBADF);
  t.is(native.reset(fd), -constants.EBADF);
});

test('reset closes what is no socket too', (t) => {
  const fd = native.eventfd(0);
  t.is(native.reset(fd), 0);
  t.is(native.close(fd), -constants.EBADF);
});

test('options are set and read', async (t) => {
  const [client] = await connection(t);
  const { SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP, TCP_NODELAY, TCP_USER_TIMEOUT } = constants;
  t.is(native.setOption(client, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
  t.is(native.getOption(client, SOL_SOCKET, SO_KEEPALIVE), 1);
  t.is(native.setOption(client, IPPROTO_TCP, TCP_NODELAY, 1), 0);
  t.is(native.getOption(client, IPPROTO_TCP, TCP_NODELAY), 1);
  t.is(native.setOption(client, IPPROTO_TCP, TCP_USER_TIMEOUT, 60_000), 0);
  t.is(native.getOption(client, IPPROTO_TCP, TCP_USER_TIMEOUT), 60_000);
  t.is(native.setOption(client, SOL_SOCKET, 9999, 1), -constants.ENOPROTOOPT);
  t.is(native.getOption(client, SOL_SOCKET, 9999), -constants.ENOPROTOOPT);
  t.is(native.setOption(spare.fd, SOL_SOCKET, SO_KEEPALIVE, 1), -constants.ENOTSOCK);
  t.is(native.getOption(NO_FD, SOL_SOCKET, SO_KEEPALIVE), -constants.EBADF);
});

test('names of what has none are −errno', (t) => {
  const [a] = socketpair(t);
  t.is(native.localAddress(a), 'unix:');
  t.is(native.peerAddress(a), 'unix:');
  t.is(native.localAddress(spare.fd), -constants.ENOTSOCK);
  t.is(native.peerAddress(NO_FD), -constants.EBADF);
});
