// ByteMap: values by keys that are bytes. It is a part of this instance's memory, so it is a cache: a
// trap empties it, and each worker has its own.

import { random } from '../wasmpoll';
import { Bytes, viewOf } from './bytes';

const FIRST_SLOTS: i32 = 16;

class Entry<V> {
  constructor(
    readonly hash: u32,
    readonly key: ArrayBuffer,
    public value: V,
  ) {}
}

/** Open addressing, at most three quarters full. Keys are copied. Build with `--runtime incremental`. */
export class ByteMap<V> {
  private slots: StaticArray<Entry<V> | null> = new StaticArray<Entry<V> | null>(FIRST_SLOTS);
  private count: i32 = 0;

  get size(): i32 {
    return this.count;
  }

  /** @returns the value of a key, or `none` */
  get(key: Bytes, none: V): V {
    const entry = unchecked(this.slots[this.slotOf(key, hashOf(key))]);
    return entry === null ? none : entry.value;
  }

  has(key: Bytes): boolean {
    return unchecked(this.slots[this.slotOf(key, hashOf(key))]) !== null;
  }

  set(key: Bytes, value: V): void {
    const hash = hashOf(key);
    let slot = this.slotOf(key, hash);
    const entry = unchecked(this.slots[slot]);
    if (entry !== null) {
      entry.value = value;
      return;
    }
    if (this.count >= (this.slots.length >> 2) * 3) {
      this.grow();
      slot = this.slotOf(key, hash);
    }
    this.slots[slot] = new Entry<V>(hash, key.copy(), value);
    this.count += 1;
  }

  /** @returns whether there was such a key */
  delete(key: Bytes): boolean {
    const slots = this.slots;
    const mask = slots.length - 1;
    let hole = this.slotOf(key, hashOf(key));
    if (unchecked(slots[hole]) === null) return false;
    this.count -= 1;
    // Entries that were put behind it for want of room move up, so a search never meets a gap.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = unchecked(slots[slot]);
      if (entry === null) break;
      if (((slot - <i32>entry.hash) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = entry;
      hole = slot;
    }
    slots[hole] = null;
    return true;
  }

  clear(): void {
    this.slots = new StaticArray<Entry<V> | null>(FIRST_SLOTS);
    this.count = 0;
  }

  /**
   * To go through all: `for (let i = map.after(-1); i >= 0; i = map.after(i))`, with `keyAt(i)` and
   * `valueAt(i)`. A change of the map ends that.
   * @returns the next position behind one, or -1
   */
  after(position: i32): i32 {
    const slots = this.slots;
    for (let slot = position + 1; slot < slots.length; slot += 1) {
      if (slots[slot] !== null) return slot;
    }
    return -1;
  }

  keyAt(position: i32): Bytes {
    return viewOf(this.slots[position]!.key);
  }

  valueAt(position: i32): V {
    return this.slots[position]!.value;
  }

  /** Where the key is, or would be. */
  private slotOf(key: Bytes, hash: u32): i32 {
    const slots = this.slots;
    const mask = slots.length - 1;
    let slot = <i32>hash & mask;
    while (true) {
      const entry = unchecked(slots[slot]);
      if (entry === null || (entry.hash === hash && same(key, entry.key))) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private grow(): void {
    const old = this.slots;
    const slots = new StaticArray<Entry<V> | null>(2 * old.length);
    const mask = slots.length - 1;
    for (let at = 0; at < old.length; at += 1) {
      const entry = unchecked(old[at]);
      if (entry === null) continue;
      let slot = <i32>entry.hash & mask;
      while (unchecked(slots[slot]) !== null) slot = (slot + 1) & mask;
      slots[slot] = entry;
    }
    this.slots = slots;
  }
}

function same(key: Bytes, other: ArrayBuffer): boolean {
  const length = key.length;
  if (length !== other.byteLength) return false;
  return memory.compare(key.at, changetype<usize>(other), <usize>length) === 0;
}

// Clients choose keys: with a secret start none can choose many that fall into one place.
const seed: usize = memory.data(8);
let seeded: boolean = false;

function hashOf(key: Bytes): u32 {
  if (!seeded) seeded = random(seed, 8) === 0;
  let hash = load<u64>(seed) ^ <u64>key.length;
  let at = key.at;
  const end = at + key.length;
  for (; at + 8 <= end; at += 8) hash = mix(hash ^ load<u64>(at));
  for (; at < end; at += 1) hash = mix(hash ^ <u64>load<u8>(at));
  return <u32>(mix(hash) >> 32);
}

// The golden ratio, as splitmix64 has it.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

function mix(value: u64): u64 {
  const product = value * MULTIPLIER;
  return product ^ (product >> 29);
}
