// Pages: chains of bytes in one capped pool; every byte comes out as it went in, every page and every
// block returns, also when the thread ends in the middle of a change.

import test from 'ava';
import fc from 'fast-check';
import { Batch } from '../../host/kernel/batch.ts';
import { Loopback } from '../../host/kernel/loopback/loopback.ts';
import {
  CHAIN_BYTES,
  COLUMNS,
  GUEST_BUFFER,
  HELD,
  OUTPUT,
  SEGMENT_BUFFER,
} from '../../host/memory/layout.ts';
import { Pages } from '../../host/memory/pages.ts';
import { Segment } from '../../host/memory/segment.ts';
import { PAGE_BYTES } from '../../host/policy.ts';
import { pagesIn, UNIT, unitsOf } from '../helpers/pool-units.ts';
import { steppedHost } from '../helpers/statement-steps.ts';

const stepped = steppedHost(`pages-${process.pid}`);
const { Pages: SteppedPages } = (await stepped('host/memory/pages')) as { Pages: typeof Pages };

const POOL_PAGES = 64;
const CONNECTIONS = 160;
const FRONT = 512 * 1024;

const chains = Array.from({ length: CONNECTIONS }, (_, slot) => slot * COLUMNS + HELD);

/** @param Made the class; one with steps at which it ends, to be tried at each of them */
function pool(Made: typeof Pages = Pages, poolPages = POOL_PAGES) {
  const sizes = { connections: CONNECTIONS, stateBytes: 0, poolBytes: poolPages * PAGE_BYTES };
  const segment = new Segment(sizes, ArrayBuffer);
  const batch = new Batch(new Loopback(), 256, ArrayBuffer);
  const outside = new Uint8Array(2 * FRONT);
  batch.bind(GUEST_BUFFER, outside);
  batch.bind(SEGMENT_BUFFER, segment.bytes);
  /** All of the chain, as a COPY brings it back. */
  const read = (pages: Pages, chain: number): Uint8Array => {
    const end = FRONT + segment.table[chain + CHAIN_BYTES]!;
    outside.fill(0, FRONT, end);
    pages.queueCopy(chain, GUEST_BUFFER, FRONT);
    batch.run(0);
    batch.count = 0;
    return outside.slice(FRONT, end);
  };
  /** What a thread finds that goes on with the segment; a chain that is not sound is given up. */
  const successor = (): { pages: Pages; lost: number[] } => {
    const pages = new Made(segment, batch);
    const scan = pages.recover();
    const lost = chains.filter((chain) => !scan.sound(chain));
    for (const chain of lost) segment.table[chain + CHAIN_BYTES] = 0;
    scan.finish();
    return { pages, lost };
  };
  return { segment, batch, outside, pages: new Made(segment, batch), read, successor };
}

type Pool = ReturnType<typeof pool>;

/** What is wrong with the pool; '' when nothing is. */
function wrong({ segment, read }: Pool, pages: Pages, model: Map<number, Uint8Array>): string {
  for (const [chain, bytes] of model) {
    if (Buffer.compare(read(pages, chain), bytes) !== 0) return `other bytes in chain ${chain}`;
    const taken = unitsOf(segment, chain).length * UNIT;
    if (taken > Math.max(UNIT, 4 * bytes.length)) return `${taken} bytes for ${bytes.length}`;
  }
  const used = segment.pages - pages.available;
  if (pagesIn(segment, chains) !== used) return `${used} pages in use`;
  // A block that nobody has would make the shares of the others in its page too small.
  const charged = chains.reduce((sum, chain) => sum + pages.charge(chain), 0);
  return Math.abs(charged - used) < 1e-6 ? '' : `${charged} pages charged, ${used} in use`;
}

let value = 0;
function fill(outside: Uint8Array, bytes: number): Uint8Array {
  for (let index = 0; index < bytes; index += 1) outside[index] = value = (value * 7 + 3) & 255;
  return outside.slice(0, bytes);
}

const around = (bytes: number) => fc.integer({ min: bytes - 2, max: bytes + 2 });
const step = fc.record({
  chain: fc.oneof(fc.constantFrom(...chains.slice(0, 4)), fc.constantFrom(...chains)),
  append: fc.boolean(),
  bytes: fc.oneof(
    ...[fc.nat(40), around(UNIT), around(1_024), around(4_096), around(PAGE_BYTES)],
    fc.nat(3 * PAGE_BYTES),
  ),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Does the step with the pool, and then with the model. */
function perform(made: Pool, pages: Pages, model: Map<number, Uint8Array>, each: Step): void {
  const { chain, append, bytes } = each;
  const content = model.get(chain) ?? new Uint8Array();
  if (append) {
    if (pages.available < pages.needed(chain, bytes)) return;
    const added = fill(made.outside, bytes);
    pages.append(chain, GUEST_BUFFER, 0, bytes);
    model.set(chain, Buffer.concat([content, added]));
  } else {
    const part = Math.min(bytes, content.length);
    pages.consume(chain, part);
    pages.shrink(chain);
    model.set(chain, content.subarray(part));
  }
}

test('chains keep their bytes in at most four times the room, and give all of it back', (t) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
      const made = pool();
      const model = new Map<number, Uint8Array>();
      for (const each of steps) {
        perform(made, made.pages, model, each);
        const fault = wrong(made, made.pages, model);
        if (fault !== '') throw new Error(fault);
      }
      for (const chain of model.keys()) made.pages.clear(chain);
      return made.pages.available === POOL_PAGES;
    }),
    { numRuns: 60 },
  );
  t.pass();
});

class Death extends Error {}

/** @returns whether the thread came to its end before the work was done */
function endsAt(statement: number, work: () => void): boolean {
  let left = statement;
  globalThis.wasmpollStep = () => {
    left -= 1;
    if (left === 0) throw new Death();
  };
  try {
    work();
  } catch (error) {
    if (!(error instanceof Death)) throw error;
    return true;
  } finally {
    globalThis.wasmpollStep = undefined;
  }
  return false;
}

// Every connection holds a little, so that half a change would name a block of another.
const small = fc.record({
  chain: fc.constantFrom(...chains),
  append: fc.boolean(),
  bytes: fc.oneof(fc.nat(300), fc.nat(1_500), around(4_096), around(PAGE_BYTES)),
});
const crowd = fc.array(fc.constantFrom(1, 200, UNIT + 1, 1_000, 1_025), {
  minLength: chains.length,
  maxLength: chains.length,
});

test('a thread that ends at any statement costs the chain that it was changing, and no block', (t) => {
  let deaths = 0;
  fc.assert(
    fc.property(crowd, fc.array(small, { minLength: 20, maxLength: 20 }), (held, steps) => {
      const made = pool(SteppedPages);
      const model = new Map<number, Uint8Array>();
      let { pages } = made;
      for (const [index, bytes] of held.entries())
        perform(made, pages, model, { chain: chains[index]!, append: true, bytes });
      for (const work of steps) {
        const before = made.segment.bytes.slice();
        const others = new Map(model);
        others.delete(work.chain);
        for (let statement = 1; ; statement += 1) {
          if (!endsAt(statement, () => perform(made, pages, model, work))) break;
          deaths += 1;
          const next = made.successor();
          if (next.lost.some((chain) => chain !== work.chain)) throw new Error('another is lost');
          // Whoever was being changed is aborted, whatever is left of it.
          next.pages.clear(work.chain);
          const fault = wrong(made, next.pages, others);
          if (fault !== '') throw new Error(`statement ${statement}: ${fault}`);
          made.segment.bytes.set(before);
          pages = made.successor().pages;
        }
      }
      for (const chain of model.keys()) pages.clear(chain);
      return pages.available === POOL_PAGES;
    }),
    { numRuns: 5 },
  );
  t.true(deaths > 1_000, `${deaths} deaths`);
});

test('a successor at rest finds the same, and takes the free blocks before it cuts a page', (t) => {
  const made = pool();
  for (const chain of chains.slice(0, 70)) made.pages.append(chain, GUEST_BUFFER, 0, 1);
  for (const chain of chains.slice(0, 60)) made.pages.clear(chain);
  t.is(made.pages.available, POOL_PAGES - 2);
  const { pages, lost } = made.successor();
  t.deepEqual(lost, []);
  t.is(pages.available, POOL_PAGES - 2);
  for (const chain of chains.slice(0, 60)) pages.append(chain, GUEST_BUFFER, 0, UNIT);
  for (const chain of chains.slice(70, 128)) pages.append(chain, GUEST_BUFFER, 0, UNIT);
  t.is(pages.available, POOL_PAGES - 2);
  pages.append(chains[128]!, GUEST_BUFFER, 0, UNIT);
  t.is(pages.available, POOL_PAGES - 3);
  for (const chain of chains) pages.clear(chain);
  t.is(pages.available, POOL_PAGES);
});

test('of two chains that name one block, or a block in a page of another, one is not sound', (t) => {
  const made = pool();
  const [first, second, large] = chains as [number, number, number];
  const { table } = made.segment;
  made.pages.append(first, GUEST_BUFFER, 0, 100);
  made.pages.append(large, GUEST_BUFFER, 0, 2 * PAGE_BYTES);
  table.copyWithin(second, first, first + 4);
  t.deepEqual(made.successor().lost, [second]);
  table.copyWithin(second, first, first + 4);
  table[second + CHAIN_BYTES] = UNIT + 1;
  t.deepEqual(made.successor().lost, [second], 'more than the block');
  for (const link of [-7, -9, -13, -14]) {
    made.segment.pageLinks[0] = link;
    t.deepEqual(made.successor().lost, [first], `a page with blocks of no size, ${link}`);
    made.segment.pageLinks[0] = -8;
    made.pages.append(first, GUEST_BUFFER, 0, 100);
  }
});

test('what a page is cut for never exceeds what was held in blocks of that size at one time', (t) => {
  const { pages } = pool();
  for (const [bytes, perPage] of [
    [1, 64],
    [257, 16],
    [1_025, 4],
  ] as const) {
    const before = pages.available;
    const peak = 128;
    for (const chain of chains.slice(0, peak)) pages.append(chain, GUEST_BUFFER, 0, bytes);
    t.is(before - pages.available, peak / perPage);
    // One of each page stays, and the others come back: the holes are filled first.
    for (let round = 0; round < 3; round += 1) {
      const others = chains.slice(0, peak).filter((_, index) => index % perPage !== round);
      for (const chain of others) pages.clear(chain);
      t.is(before - pages.available, peak / perPage);
      for (const chain of others) pages.append(chain, GUEST_BUFFER, 0, bytes);
      t.is(before - pages.available, peak / perPage);
    }
    for (const chain of chains) pages.clear(chain);
    t.is(pages.available, before);
  }
});

test('a block costs its share of the page: alone in it, as much as the page', (t) => {
  const { pages } = pool();
  for (const chain of chains.slice(0, 64)) pages.append(chain, GUEST_BUFFER, 0, 1);
  t.is(pages.charge(chains[0]!), 1 / 64);
  t.is(pages.chargeWith(chains[64]!, 1), 1);
  t.is(pages.chargeWith(chains[0]!, 300), 1);
  for (const chain of chains.slice(1, 63)) pages.clear(chain);
  t.is(pages.charge(chains[0]!), 1 / 2);
  t.is(pages.chargeWith(chains[64]!, 1), 1 / 3);
  pages.clear(chains[63]!);
  t.is(pages.charge(chains[0]!), 1);
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

test('without a page to move to, what is left stays where it is', (t) => {
  const made = pool(Pages, 2);
  const { pages } = made;
  made.outside.fill(7, 0, PAGE_BYTES);
  pages.append(OUTPUT, GUEST_BUFFER, 0, PAGE_BYTES);
  pages.append(HELD, GUEST_BUFFER, 0, PAGE_BYTES);
  pages.consume(OUTPUT, PAGE_BYTES - 5);
  pages.shrink(OUTPUT);
  t.is(pages.charge(OUTPUT), 1);
  t.deepEqual([...made.read(pages, OUTPUT)], [7, 7, 7, 7, 7]);
  pages.clear(HELD);
  pages.shrink(OUTPUT);
  t.is(unitsOf(made.segment, OUTPUT).length, 1);
  t.is(pages.available, 1);
  t.deepEqual([...made.read(pages, OUTPUT)], [7, 7, 7, 7, 7]);
});

test('more than a chain holds cannot be consumed', (t) => {
  const { pages } = pool();
  pages.append(OUTPUT, GUEST_BUFFER, 0, 5);
  t.throws(() => pages.consume(OUTPUT, 6), { instanceOf: RangeError });
});

test('an append takes no more pages than it says', (t) => {
  const bytes = fc.oneof(fc.nat(5_000), fc.nat(3 * PAGE_BYTES));
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.boolean(), (first, second, eaten, shrinks) => {
      const { pages } = pool();
      pages.append(OUTPUT, GUEST_BUFFER, 0, first);
      pages.consume(OUTPUT, Math.min(first, eaten));
      if (shrinks) pages.shrink(OUTPUT);
      const before = pages.available;
      const needed = pages.needed(OUTPUT, second);
      pages.append(OUTPUT, GUEST_BUFFER, 0, second);
      const taken = before - pages.available;
      return first === 0 ? taken === (second === 0 ? 0 : needed) : taken <= needed;
    }),
  );
  t.pass();
});
