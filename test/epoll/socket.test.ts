// wasmpoll/socket: what each function returns, null where nothing can be done now, and errors of
// the kernel. Hostile arguments stand in epoll-arguments.test.ts.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { EPOLLHUP, EPOLLIN, EPOLLOUT, Epoll } from '../../host/epoll/epoll.ts';
import * as s from '../../host/epoll/socket.ts';
import { native } from '../../host/kernel/native.ts';
import { owned } from '../helpers/native.ts';

const text = (bytes: Uint8Array, length: number | null) =>
  Buffer.from(bytes.subarray(0, length ?? 0)).toString();

/** Waits for what is about to happen. */
function wait(fd: number, mask: number): void {
  using epoll = new Epoll();
  epoll.register(fd, mask);
  epoll.poll();
}

function connected(t: ExecutionContext): [number, number] {
  const listener = owned(t, s.listenTcp('127.0.0.1', 0, { backlog: 1 }));
  const port = Number(s.localAddress(listener).split(':')[1]);
  const client = owned(t, s.connectTcp('127.0.0.1', port));
  wait(listener, EPOLLIN);
  return [client, owned(t, s.accept({ fd: listener })!)];
}

test('TCP: listen, connect, accept, and both ends have addresses', (t) => {
  const [client, accepted] = connected(t);
  t.regex(s.peerAddress(client), /^127\.0\.0\.1:\d+$/);
  t.is(s.peerAddress(client), s.localAddress(accepted));
  t.is(s.peerAddress({ fileno: () => accepted }), s.localAddress({ fd: client }));
});

test('accept has null when nobody has come', (t) => {
  t.is(s.accept(owned(t, s.listenTcp('127.0.0.1', 0))), null);
});

test('an IPv6 listener takes IPv4 too, unless it is told not to', (t) => {
  const only = [undefined, true].map((ipv6Only) => {
    const fd = owned(t, s.listenTcp('::', 0, { ipv6Only }));
    return s.getsockopt(fd, s.IPPROTO_IPV6, s.IPV6_V6ONLY);
  });
  t.deepEqual(only, [0, 1]);
  t.throws(() => s.listenTcp('::1', 0, { ipv6Only: 1 as never }), { instanceOf: TypeError });
});

test('Unix: listen, connect, and the permissions of the file', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [closed, open] = ['closed', 'open'].map((name) => path.join(folder, name)) as [
    string,
    string,
  ];
  const listener = owned(t, s.listenUnix(closed, { backlog: 0 }));
  owned(t, s.listenUnix(open, { mode: 0o666 }));
  t.deepEqual(
    [closed, open].map((file) => statSync(file).mode & 0o777),
    [0o600, 0o666],
  );
  const client = owned(t, s.connectUnix(closed)!);
  t.is(s.peerAddress(client), `unix:${closed}`);
  t.is(s.connectUnix(closed), null);
  owned(t, s.accept(listener)!);
  t.throws(() => s.listenUnix(open), { code: 'EADDRINUSE' });
  t.throws(() => s.connectUnix(path.join(folder, 'none')), {
    code: 'ENOENT',
    message: /^connect /,
  });
});

test('bytes go to and from a part of the buffer, or all of it', (t) => {
  const [a, b] = s.socketpair().map((fd) => owned(t, fd)) as [number, number];
  const buffer = Buffer.from('0123456789');
  t.is(s.send(a, buffer), 10);
  t.is(s.send(a, buffer, 8), 2);
  t.is(s.send(a, buffer, 2, 3), 3);
  t.is(s.send(a, buffer, 10), 0);
  const room = Buffer.alloc(32, '.');
  t.is(s.recv(b, room, 2, 4), 4);
  t.is(room.toString('latin1', 0, 8), '..0123..');
  t.is(text(room, s.recv(b, room)), '45678989234');
  t.is(s.recv(b, room), null);
  for (const [offset, length] of [
    [32, 1],
    [0, 33],
    [33, 0],
    [32, undefined],
    [0, 0],
  ] as const) {
    t.throws(() => s.recv(b, room, offset, length), { instanceOf: RangeError });
  }
});

test('null is what a full and an empty descriptor have; 0 is the end', (t) => {
  const [readEnd, writeEnd] = s.pipe().map((fd) => owned(t, fd)) as [number, number];
  const bytes = new Uint8Array(65536);
  t.is(s.read(readEnd, bytes), null);
  while (s.write(writeEnd, bytes) !== null);
  const [a, b] = s.socketpair().map((fd) => owned(t, fd)) as [number, number];
  while (s.send(a, bytes) !== null);
  s.shutdown(a, s.SHUT_WR);
  while (s.recv(b, bytes) !== 0);
  t.throws(() => s.send(a, bytes), { code: 'EPIPE', message: /^send EPIPE/ });
  t.throws(() => s.recv(readEnd, bytes), { code: 'ENOTSOCK' });
});

test('an eventfd counts', (t) => {
  const event = owned(t, s.eventfd(3));
  const counter = new BigUint64Array(1);
  const bytes = new Uint8Array(counter.buffer);
  t.is(s.read(event, bytes), 8);
  t.is(counter[0], 3n);
  t.is(s.read(event, bytes), null);
  t.is(s.write(event, bytes), 8);
  t.is(s.read(owned(t, s.eventfd()), bytes), null);
});

test('a reset reaches the peer as such', (t) => {
  const [client, accepted] = connected(t);
  s.reset(native.dup(client, 0));
  s.shutdown(client, s.SHUT_WR);
  wait(accepted, EPOLLIN);
  t.is(s.recv(accepted, new Uint8Array(1)), 0);
  const [other, end] = connected(t);
  s.setsockopt(end, s.IPPROTO_TCP, s.TCP_NODELAY, 1);
  const copy = native.dup(other, 0);
  native.close(other);
  s.reset(copy);
  wait(end, EPOLLHUP);
  t.throws(() => s.recv(end, new Uint8Array(1)), { code: 'ECONNRESET' });
});

test('a refused connection is told by SO_ERROR', (t) => {
  const listener = s.listenTcp('127.0.0.1', 0);
  const port = Number(s.localAddress(listener).split(':')[1]);
  s.close(listener);
  const client = owned(t, s.connectTcp('127.0.0.1', port));
  wait(client, EPOLLOUT);
  t.is(s.getsockopt(client, s.SOL_SOCKET, s.SO_ERROR), native.constants.ECONNREFUSED);
});

test('options are set and read', (t) => {
  const [client] = connected(t);
  for (const option of [s.TCP_NODELAY, s.TCP_CORK]) {
    s.setsockopt(client, s.IPPROTO_TCP, option, 1);
    t.is(s.getsockopt(client, s.IPPROTO_TCP, option), 1);
  }
  s.setsockopt(client, s.SOL_SOCKET, s.SO_KEEPALIVE, 1);
  s.setsockopt(client, s.IPPROTO_TCP, s.TCP_KEEPIDLE, 100);
  t.is(s.getsockopt(client, s.IPPROTO_TCP, s.TCP_KEEPIDLE), 100);
  t.throws(() => s.setsockopt(client, s.SOL_SOCKET, 9999, 1), { code: 'ENOPROTOOPT' });
  t.throws(() => s.getsockopt(client, s.SOL_SOCKET, 9999), { code: 'ENOPROTOOPT' });
});

test('numbers of options and levels come from the headers', (t) => {
  for (const [name, value] of Object.entries(s)) {
    if (typeof value === 'number') t.is(value, native.constants[name as 'SO_ERROR'], name);
  }
});

test('what is closed is EBADF everywhere', (t) => {
  const bytes = new Uint8Array(8);
  const none = 2 ** 31 - 1;
  const calls: Record<string, () => unknown> = {
    accept: () => s.accept(none),
    recv: () => s.recv(none, bytes),
    send: () => s.send(none, bytes),
    read: () => s.read(none, bytes),
    write: () => s.write(none, bytes),
    shutdown: () => s.shutdown(none, s.SHUT_RD),
    close: () => s.close(none),
    setsockopt: () => s.setsockopt(none, 1, 2, 1),
    getsockopt: () => s.getsockopt(none, 1, 2),
    getsockname: () => s.localAddress(none),
    getpeername: () => s.peerAddress(none),
  };
  for (const [syscall, call] of Object.entries(calls)) {
    t.throws(call, { code: 'EBADF', message: new RegExp(`^${syscall} EBADF: `) });
  }
  t.throws(() => s.reset(none), { code: 'EBADF' });
});
