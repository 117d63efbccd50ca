// Pages: chains of bytes in one capped pool; every byte comes out as it went in, every page returns.

import test from 'ava';
import fc from 'fast-check';
import { Batch } from '../../host/kernel/batch.ts';
import { Loopback } from '../../host/kernel/loopback.ts';
import {
  CHAIN_BYTES,
  COLUMNS,
  GUEST_BUFFER,
  HELD,
  OUTPUT,
  SEGMENT_BUFFER,
} from '../../host/memory/layout.ts';
import { Pages, pagesOf } from '../../host/memory/pages.ts';
import { Segment } from '../../host/memory/segment.ts';
import { PAGE_BYTES } from '../../host/policy.ts';

const POOL_PAGES = 64;
const FRONT = 512 * 1024;

function pool() {
  const sizes = { connections: 4, stateBytes: 0, poolBytes: POOL_PAGES * PAGE_BYTES };
  const segment = new Segment(sizes, ArrayBuffer);
  const batch = new Batch(new Loopback(), 256, ArrayBuffer);
  const outside = new Uint8Array(2 * FRONT);
  batch.bind(GUEST_BUFFER, outside);
  batch.bind(SEGMENT_BUFFER, segment.bytes);
  const pages = new Pages(segment, batch);
  /** All of the chain, as a COPY brings it back. */
  const read = (chain: number): number[] => {
    outside.fill(0, FRONT);
    pages.queueCopy(chain, GUEST_BUFFER, FRONT);
    batch.run(0);
    batch.count = 0;
    return [...outside.subarray(FRONT, FRONT + segment.table[chain + CHAIN_BYTES]!)];
  };
  return { segment, batch, outside, pages, read };
}

const step = fc.record({
  chain: fc.constantFrom(OUTPUT, HELD, COLUMNS + OUTPUT, 3 * COLUMNS + HELD),
  append: fc.boolean(),
  bytes: fc.oneof(
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: PAGE_BYTES - 2, max: PAGE_BYTES + 2 }),
    fc.integer({ min: 0, max: 3 * PAGE_BYTES }),
  ),
});

test('chains that grow and shrink keep their bytes, and give every page back', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { segment, outside, pages, read } = pool();
      const model = new Map<number, number[]>();
      let value = 0;
      for (const { chain, append, bytes } of steps) {
        const content = model.get(chain) ?? [];
        if (append && pages.available >= pages.needed(bytes)) {
          for (let index = 0; index < bytes; index += 1)
            outside[index] = value = (value * 7 + 3) & 255;
          pages.append(chain, GUEST_BUFFER, 0, bytes);
          model.set(chain, [...content, ...outside.subarray(0, bytes)]);
        } else if (!append) {
          const part = Math.min(bytes, content.length);
          pages.consume(chain, part);
          model.set(chain, content.slice(part));
        }
        const used = [...model.keys()].reduce((sum, each) => sum + pagesOf(segment.table, each), 0);
        if (pages.available !== POOL_PAGES - used) return false;
        if (Buffer.compare(Buffer.from(read(chain)), Buffer.from(model.get(chain) ?? [])) !== 0)
          return false;
      }
      for (const chain of model.keys()) pages.clear(chain);
      return pages.available === POOL_PAGES;
    }),
    { numRuns: 100 },
  );
  t.pass();
});

test('the whole pool may be in use, and one page more is refused', (t) => {
  const { pages } = pool();
  for (let page = 0; page < POOL_PAGES; page += 1)
    pages.append(OUTPUT, GUEST_BUFFER, 0, PAGE_BYTES);
  t.is(pages.available, 0);
  t.throws(() => pages.append(OUTPUT, GUEST_BUFFER, 0, 1), { instanceOf: RangeError });
  pages.consume(OUTPUT, PAGE_BYTES - 1);
  t.is(pages.available, 0);
  pages.consume(OUTPUT, 1);
  t.is(pages.available, 1);
});

test('more than a chain holds cannot be consumed', (t) => {
  const { pages } = pool();
  pages.append(OUTPUT, GUEST_BUFFER, 0, 5);
  t.throws(() => pages.consume(OUTPUT, 6), { instanceOf: RangeError });
});

test('an append never takes more pages than were asked for', (t) => {
  fc.assert(
    fc.property(
      fc.nat(3 * PAGE_BYTES),
      fc.nat(3 * PAGE_BYTES),
      fc.nat(PAGE_BYTES),
      (first, second, eaten) => {
        const { pages } = pool();
        pages.append(OUTPUT, GUEST_BUFFER, 0, first);
        pages.consume(OUTPUT, Math.min(first, eaten));
        const before = pages.available;
        pages.append(OUTPUT, GUEST_BUFFER, 0, second);
        return before - pages.available <= pages.needed(second);
      },
    ),
  );
  t.pass();
});
