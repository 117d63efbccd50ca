// The addon's Io: rows in order, each with its result, and gathers that fall short.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';
import {
  connection,
  drain,
  NO_FD,
  outOfRange,
  owned,
  portOf,
  readable,
  results,
  rowsOf,
  socketpair,
  stuff,
  UNTOUCHED,
} from '../helpers/native.ts';

const { constants } = native;
const { KIND_COPY, KIND_NONE, KIND_RECV, KIND_SEND } = kernel;
const bytes = new Uint8Array(8);
const spare = native.epoll();

test('rows are performed in order, and other kinds are skipped', (t) => {
  const [a, b] = socketpair(t);
  const memory = new Uint8Array(64);
  memory.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const rows = rowsOf([
    { kind: KIND_NONE, buffer: 99, length: -1 },
    { kind: KIND_COPY, length: 4, target: 1, targetOffset: 10 },
    { kind: 77, fd: -1 },
    { kind: KIND_SEND, fd: a, buffer: 1, offset: 10, length: 4 },
    { kind: KIND_RECV, fd: b, offset: 32, length: 16 },
    { kind: KIND_RECV, fd: b, offset: 32, length: 16 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, memory);
  subject.bind(1, new Uint8Array(16));
  t.is(subject.run(1, 1), 1);
  t.deepEqual(results(rows), Array(6).fill(UNTOUCHED));
  t.is(subject.run(0, 6), 6);
  t.deepEqual(results(rows), [UNTOUCHED, 4, UNTOUCHED, 4, 4, -constants.EAGAIN]);
  t.deepEqual([...memory.subarray(32, 37)], [1, 2, 3, 4, 0]);
});

test('a run performs only its rows', (t) => {
  const rows = rowsOf([
    { kind: KIND_COPY, length: 1 },
    { kind: KIND_COPY, length: 2 },
    { kind: KIND_COPY, length: 3 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(8));
  t.is(subject.run(1, 2), 2);
  t.deepEqual(results(rows), [UNTOUCHED, 2, UNTOUCHED]);
  t.is(subject.run(3, 3), 3);
  outOfRange(t, () => subject.run(2, 1));
  outOfRange(t, () => subject.run(0, 4));
  outOfRange(t, () => subject.run(4, 4));
  outOfRange(t, () => native.io(new Int32Array(7)));
  t.is(native.io(new Int32Array(0)).run(0, 0), 0);
});

test('a copy within one buffer may overlap', (t) => {
  const memory = Uint8Array.from([1, 2, 3, 4, 5, 0, 0]);
  const subject = native.io(rowsOf([{ kind: KIND_COPY, length: 5, targetOffset: 2 }]));
  subject.bind(0, memory);
  subject.run(0, 1);
  t.deepEqual([...memory], [1, 2, 1, 2, 3, 4, 5]);
});

test('receives report data, emptiness, the end and errors, and never stop a run', async (t) => {
  const [client, server] = await connection(t);
  const rows = rowsOf([
    { kind: KIND_RECV, fd: server, length: 8 },
    { kind: KIND_RECV, fd: NO_FD, length: 8 },
    { kind: KIND_RECV, fd: -1, length: 8 },
    { kind: KIND_COPY, length: 8 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(8));
  t.is(subject.run(0, 4), 4);
  const { EAGAIN, EBADF } = constants;
  t.deepEqual(results(rows), [-EAGAIN, -EBADF, -EBADF, 8]);
  native.shutdown(client, constants.SHUT_WR);
  await readable(server);
  subject.run(0, 1);
  t.is(results(rows)[0], 0);
});

test('a reset after data gives the data first', async (t) => {
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const client = native.connectTcp('127.0.0.1', portOf(listener));
  await readable(listener);
  const server = owned(t, native.accept(listener));
  native.send(client, bytes, 0, 3);
  t.is(native.reset(client), 0);
  await readable(server);
  t.is(native.recv(server, bytes, 0, 8), 3);
  t.is(native.recv(server, bytes, 0, 8), -constants.ECONNRESET);
});

/** `count` rows of `small` bytes, each of another value, but row `at` of `large`. */
function unequal(fd: number, count: number, at: number, small: number, large: number) {
  const lengths = Array.from({ length: count }, (_, i) => (i === at ? large : small));
  const memory = new Uint8Array(small * (count - 1) + large);
  const list = lengths.map((length, i) => {
    const offset = lengths.slice(0, i).reduce((sum, one) => sum + one, 0);
    memory.fill(i + 1, offset, offset + length);
    return { kind: KIND_SEND, fd, offset, length };
  });
  return { memory, rows: rowsOf(list), lengths };
}

for (let at = 0; at < 6; at += 1) {
  test(`a gather that falls short at row ${at} says so and has sent exactly what stands before`, (t) => {
    const [a, b] = socketpair(t);
    native.setOption(a, constants.SOL_SOCKET, constants.SO_SNDBUF, 1);
    const { memory, rows, lengths } = unequal(a, 6, at, 37, 1 << 20);
    const subject = native.io(rows);
    subject.bind(0, memory);
    t.is(subject.run(0, 6), at);
    const got = results(rows);
    t.deepEqual(got.slice(0, at), lengths.slice(0, at));
    t.true((got[at] ?? 0) > 0 && (got[at] ?? 0) < (lengths[at] ?? 0));
    t.deepEqual(got.slice(at + 1), Array(5 - at).fill(UNTOUCHED));
    const sent = got.slice(0, at + 1).reduce((sum, one) => sum + one, 0);
    t.deepEqual(drain(b), Buffer.from(memory.subarray(0, sent)));
  });
}

test('a gather that ends exactly at a row gives the next one 0', (t) => {
  const capacity = () => {
    const [a, b] = socketpair(t);
    native.setOption(a, constants.SOL_SOCKET, constants.SO_SNDBUF, 1);
    return { a, b };
  };
  const size = native.send(capacity().a, new Uint8Array(1 << 20), 0, 1 << 20);
  const { a, b } = capacity();
  const rows = rowsOf([
    { kind: KIND_SEND, fd: a, length: size },
    { kind: KIND_SEND, fd: a, length: 1 << 20 },
    { kind: KIND_COPY, length: 1 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(1 << 20));
  t.is(subject.run(0, 3), 1);
  t.deepEqual(results(rows), [size, 0, UNTOUCHED]);
  t.is(drain(b).length, size);
});

test('a send that fails altogether puts −errno on its first row', (t) => {
  const [full] = socketpair(t);
  stuff(full);
  const [broken, peer] = socketpair(t);
  native.shutdown(peer, constants.SHUT_RDWR);
  const failures = [
    [full, -constants.EAGAIN],
    [broken, -constants.EPIPE],
    [NO_FD, -constants.EBADF],
    [-1, -constants.EBADF],
    [spare.fd, -constants.ENOTSOCK],
  ] as const;
  for (const [fd, result] of failures) {
    for (const count of [1, 3]) {
      const rows = rowsOf([
        { kind: KIND_COPY, length: 1 },
        { kind: KIND_SEND, fd, length: 0 },
        ...Array.from({ length: count }, () => ({ kind: KIND_SEND, fd, length: 4 })),
        { kind: KIND_COPY, length: 1 },
      ]);
      const subject = native.io(rows);
      subject.bind(0, new Uint8Array(8));
      t.is(subject.run(0, count + 3), 2);
      t.deepEqual(results(rows), [1, 0, result, ...Array(count).fill(UNTOUCHED)]);
    }
  }
});

test('rows for other descriptors and empty rows do not disturb a gather', (t) => {
  const [a, b] = socketpair(t);
  const [c, d] = socketpair(t);
  const lengths = [3, 0, 4, 0, 5, 1, 0, 2];
  const fds = [a, a, a, a, c, a, a, a];
  const memory = Uint8Array.from({ length: 64 }, (_, i) => i);
  const rows = rowsOf(
    lengths.map((length, i) => ({ kind: KIND_SEND, fd: fds[i] as number, offset: i * 8, length })),
  );
  const subject = native.io(rows);
  subject.bind(0, memory);
  t.is(subject.run(0, 8), 8);
  t.deepEqual(results(rows), lengths);
  t.deepEqual([...drain(b)], [0, 1, 2, 16, 17, 18, 19, 40, 56, 57]);
  t.deepEqual([...drain(d)], [32, 33, 34, 35, 36]);
});

for (const count of [63, 64, 65, 200]) {
  test(`${count} adjacent sends arrive whole and in order`, (t) => {
    const [a, b] = socketpair(t);
    const memory = Uint8Array.from({ length: count * 3 }, (_, i) => i);
    const rows = rowsOf(
      Array.from({ length: count }, (_, i) => ({
        kind: KIND_SEND,
        fd: a,
        offset: i * 3,
        length: 3,
      })),
    );
    const subject = native.io(rows);
    subject.bind(0, memory);
    t.is(subject.run(0, count), count);
    t.deepEqual(results(rows), Array(count).fill(3));
    t.deepEqual(drain(b), Buffer.from(memory));
  });
}
