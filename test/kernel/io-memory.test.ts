// The memory of an Io: ranges are checked, and what moves or goes away is not touched.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';
import {
  collect,
  detach,
  drain,
  fill,
  outOfRange,
  results,
  rowsOf,
  socketpair,
  UNTOUCHED,
  wrongState,
} from '../helpers/native.ts';

const { KIND_COPY, KIND_NONE, KIND_RECV, KIND_SEND } = kernel;
const bytes = new Uint8Array(8);

test('a range that leaves its buffer is refused before its row acts, and names the row', (t) => {
  const [a, b] = socketpair(t);
  native.send(b, bytes, 0, 8);
  const max = 2 ** 31 - 1;
  const min = -(2 ** 31);
  const ranges = [
    [9, 0],
    [0, 9],
    [8, 1],
    [5, 4],
    [-1, 1],
    [0, -1],
    [-1, -1],
    [max, 1],
    [1, max],
    [max, max],
    [min, min],
    [min, max],
  ] as const;
  for (const [offset, length] of ranges) {
    for (const kind of [KIND_RECV, KIND_SEND, KIND_COPY]) {
      const memory = new Uint8Array(8).fill(1);
      const rows = rowsOf([
        { kind: KIND_NONE },
        { kind: KIND_COPY, length: 2 },
        { kind, fd: a, offset, length, target: 1 },
      ]);
      const subject = native.io(rows);
      subject.bind(0, memory);
      subject.bind(1, new Uint8Array(64));
      outOfRange(t, () => subject.run(0, 3), /^Io\.run: row 2: buffer 0 has 8 bytes/);
      t.deepEqual(results(rows), [UNTOUCHED, 2, UNTOUCHED]);
      t.deepEqual(memory, new Uint8Array(8).fill(1));
    }
  }
  t.is(drain(b).length, 0);
  t.is(drain(a).length, 8);
});

test('the target of a copy is checked like its source', (t) => {
  for (const [target, targetOffset] of [
    [0, 5],
    [0, -1],
    [0, 2 ** 31 - 1],
    [1, 0],
    [-1, 0],
    [kernel.BUFFERS, 0],
  ] as const) {
    const rows = rowsOf([{ kind: KIND_COPY, length: 4, target, targetOffset }]);
    const subject = native.io(rows);
    subject.bind(0, new Uint8Array(8));
    outOfRange(t, () => subject.run(0, 1), /row 0/);
    t.deepEqual(results(rows), [UNTOUCHED]);
  }
});

test('an empty receive is refused, since its 0 would mean the end', (t) => {
  const [a] = socketpair(t);
  const subject = native.io(rowsOf([{ kind: KIND_RECV, fd: a, length: 0 }]));
  subject.bind(0, new Uint8Array(8));
  outOfRange(t, () => subject.run(0, 1), /row 0/);
});

test('a bad row in a gather is refused after the rows before it went out', (t) => {
  const [a, b] = socketpair(t);
  const rows = rowsOf([
    { kind: KIND_SEND, fd: a, length: 2 },
    { kind: KIND_SEND, fd: a, length: 3 },
    { kind: KIND_SEND, fd: a, length: 9 },
  ]);
  const subject = native.io(rows);
  subject.bind(0, new Uint8Array(8));
  outOfRange(t, () => subject.run(0, 3), /row 2/);
  t.deepEqual(results(rows), [2, 3, UNTOUCHED]);
  t.is(drain(b).length, 5);
});

test('a buffer that is not bound is refused, and a bound one can be replaced', (t) => {
  const rows = rowsOf([{ kind: KIND_COPY, buffer: 7, length: 4, target: 7, targetOffset: 4 }]);
  const subject = native.io(rows);
  outOfRange(t, () => subject.run(0, 1), /row 0: buffer 7 is not bound/);
  subject.bind(7, new Uint8Array(4));
  outOfRange(t, () => subject.run(0, 1));
  const memory = Uint8Array.from([1, 2, 3, 4, 0, 0, 0, 0]);
  subject.bind(7, memory);
  t.is(subject.run(0, 1), 1);
  t.deepEqual([...memory], [1, 2, 3, 4, 1, 2, 3, 4]);
  outOfRange(t, () => subject.bind(kernel.BUFFERS, memory));
  fill(rows, [{ kind: KIND_COPY, buffer: -1, length: 1 }]);
  outOfRange(t, () => subject.run(0, 1));
});

test('views may be parts of shared, ordinary and guest memory, and empty ones take empty rows', (t) => {
  const guest = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const views = [
    new Uint8Array(new SharedArrayBuffer(100), 10, 50),
    new Uint8Array(new ArrayBuffer(100), 10, 50),
    new Uint8Array(guest.buffer, 100, 50),
    new Uint8Array(shared.buffer, 100, 50),
    Buffer.from('a buffer of the pool, which is itself a part of something bigger'),
  ];
  for (const view of views) {
    view.set([1, 2, 3]);
    const rows = rowsOf([
      { kind: KIND_COPY, length: 3, targetOffset: 40 },
      { kind: KIND_COPY, buffer: 1, length: 0, target: 1 },
      { kind: KIND_SEND, buffer: 1, length: 0 },
    ]);
    const subject = native.io(rows);
    subject.bind(0, view);
    subject.bind(1, new Uint8Array(0));
    t.is(subject.run(0, 3), 3);
    t.deepEqual([...view.subarray(40, 43)], [1, 2, 3]);
    outOfRange(t, () => {
      fill(rows, [{ kind: KIND_COPY, length: 1, targetOffset: view.length }]);
      subject.run(0, 1);
    });
  }
});

test('rows may lie in shared memory, as a part of it', (t) => {
  const rows = new Int32Array(new SharedArrayBuffer(128), 32, 16);
  fill(rows, [{ kind: KIND_COPY, length: 2, targetOffset: 2 }, { kind: KIND_NONE }]);
  const memory = Uint8Array.from([5, 6, 0, 0]);
  const subject = native.io(rows);
  subject.bind(0, memory);
  t.is(subject.run(0, 2), 2);
  t.deepEqual([...memory], [5, 6, 5, 6]);
  t.deepEqual(results(rows), [2, UNTOUCHED]);
});

test('a buffer whose memory is gone is never used again', (t) => {
  const guest = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const transferred = new ArrayBuffer(16);
  type Resizable = ArrayBuffer & { resize(length: number): void };
  const Sized = ArrayBuffer as unknown as new (n: number, o: object) => Resizable;
  const shrinking = new Sized(16, { maxByteLength: 32 });
  const losses: [Uint8Array, () => void][] = [
    [new Uint8Array(guest.buffer), () => guest.grow(1)],
    [new Uint8Array(transferred), () => detach(transferred)],
    [new Uint8Array(shrinking), () => shrinking.resize(8)],
  ];
  for (const [view, lose] of losses) {
    const rows = rowsOf([
      { kind: KIND_COPY, length: 1 },
      { kind: KIND_COPY, length: 1, target: 1 },
      { kind: KIND_COPY, length: 1, buffer: 1 },
    ]);
    const subject = native.io(rows);
    subject.bind(0, new Uint8Array(8));
    subject.bind(1, view);
    t.is(subject.run(0, 3), 3);
    lose();
    wrongState(t, () => subject.run(0, 2));
    wrongState(t, () => subject.run(2, 3));
    t.is(subject.run(0, 1), 1);
    subject.bind(1, new Uint8Array(8));
    t.is(subject.run(0, 3), 3);
  }
});

test('a detached view cannot be bound, and detached rows cannot be run', (t) => {
  const memory = new Uint8Array(8);
  detach(memory.buffer);
  wrongState(t, () => native.io(new Int32Array(kernel.ROW)).bind(0, memory));
  const rows = rowsOf([{ kind: KIND_NONE }]);
  const subject = native.io(rows);
  t.is(subject.run(0, 1), 1);
  detach(rows.buffer as ArrayBuffer);
  wrongState(t, () => subject.run(0, 1));
});

test('an Io keeps its rows and views alive', async (t) => {
  const rows = rowsOf([{ kind: KIND_COPY, length: 4, target: 1 }]);
  const subject = native.io(rows.slice());
  subject.bind(0, new Uint8Array(1 << 20).fill(7));
  const target = new Uint8Array(4);
  subject.bind(1, target);
  await collect();
  t.is(subject.run(0, 1), 1);
  t.deepEqual([...target], [7, 7, 7, 7]);
});

test('what an Io bound is collected with it', async (t) => {
  const gone: WeakRef<object>[] = [];
  (() => {
    const memory = new Uint8Array(1 << 20);
    const subject = native.io(new Int32Array(8));
    subject.bind(0, memory);
    gone.push(new WeakRef(memory), new WeakRef(subject));
  })();
  await collect(() => gone.every((one) => one.deref() === undefined));
  t.true(gone.every((one) => one.deref() === undefined));
});
