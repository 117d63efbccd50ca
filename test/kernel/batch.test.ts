// Copies that a batch makes at once: any range to any place, and nothing beside it.

import test from 'ava';
import { Batch } from '../../host/kernel/batch.ts';
import { native } from '../../host/kernel/native.ts';

const [SOURCE, TARGET] = [0, 1];
const BYTES = 160;
// From none to more than what is copied without a native call.
const LENGTHS = [0, 1, 3, 4, 5, 8, 31, 63, 64, 65, 100];

const numbered = (): Uint8Array => Uint8Array.from({ length: BYTES }, (_, index) => 100 + index);

test('a copy at once moves any range at any alignment, and nothing beside it', (t) => {
  const batch = new Batch(native, 1, ArrayBuffer);
  const source = numbered();
  // A view that does not begin where its buffer does.
  const target = new Uint8Array(new ArrayBuffer(BYTES + 4), 4);
  batch.bind(SOURCE, source);
  batch.bind(TARGET, target);
  for (const length of LENGTHS) {
    for (let from = 0; from < 5; from += 1) {
      for (let to = 0; to < 5; to += 1) {
        target.fill(0);
        batch.copyNow(SOURCE, from, TARGET, to, length);
        const expected = new Uint8Array(BYTES);
        expected.set(source.subarray(from, from + length), to);
        t.deepEqual(target, expected, `${length} bytes from ${from} to ${to}`);
      }
    }
  }
});

test('a copy at once within a buffer may move bytes to the front over themselves', (t) => {
  const batch = new Batch(native, 1, ArrayBuffer);
  for (const length of LENGTHS) {
    for (let distance = 1; distance < 6; distance += 1) {
      const bytes = numbered();
      batch.bind(SOURCE, bytes);
      batch.copyNow(SOURCE, distance, SOURCE, 0, length);
      t.deepEqual(bytes, numbered().copyWithin(0, distance, distance + length), `${length} bytes`);
    }
  }
});
