// ByteMap: values by keys that are bytes. It is a part of this instance's memory, so it is a cache: a
// trap empties it, and each worker has its own.

import { random } from '../wasmpoll';
import { Bytes, viewOf } from './bytes';
import { sameBytes } from './text';

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

  /** Where the key is, or would be. Nothing is allocated here, so addresses will do, which nobody has to note. */
  private slotOf(key: Bytes, hash: u32): i32 {
    const slots = changetype<usize>(this.slots);
    const mask = this.slots.length - 1;
    let slot = <i32>hash & mask;
    while (true) {
      const entry = load<usize>(slots + ((<usize>slot) << alignof<usize>()));
      if (entry === 0) return slot;
      if (load<u32>(entry, offsetof<Entry<V>>('hash')) === hash) {
        if (same(key, load<usize>(entry, offsetof<Entry<V>>('key')))) return slot;
      }
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

/** @param buffer the address of an ArrayBuffer, which has its size in front of it */
function same(key: Bytes, buffer: usize): boolean {
  const length = key.length;
  return length === load<i32>(buffer - sizeof<i32>()) && sameBytes(key.at, buffer, length);
}

// Clients choose keys: by SipHash-1-3 with a secret key none can choose many that fall into one place. A hash that
// only multiplies has differences that come out the same whatever the secret is.
const secret: usize = memory.data(16);
let seeded: boolean = false;

const LAST_ROUNDS: i32 = 3;

/** For `ByteMap`, and for its tests. */
export function hashOf(key: Bytes): u32 {
  if (!seeded) seeded = random(secret, 16) === 0;
  let v0 = load<u64>(secret) ^ 0x736f_6d65_7073_6575;
  let v1 = load<u64>(secret + 8) ^ 0x646f_7261_6e64_6f6d;
  let v2 = load<u64>(secret) ^ 0x6c79_6765_6e65_7261;
  let v3 = load<u64>(secret + 8) ^ 0x7465_6462_7974_6573;
  let at = key.at;
  const words = key.length >> 3;
  // One loop for all rounds: one a word, one for what is left with the length, and the last ones.
  for (let round = 0; round <= words + LAST_ROUNDS; round += 1) {
    let word: u64 = 0;
    if (round < words) {
      word = load<u64>(at);
      at += 8;
    } else if (round === words) word = lastWord(key, at);
    else if (round === words + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 += v1;
    v1 = rotl(v1, 13) ^ v0;
    v0 = rotl(v0, 32);
    v2 += v3;
    v3 = rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
    v0 ^= word;
  }
  return <u32>(v0 ^ v1 ^ v2 ^ v3);
}

/** The bytes that are left, and above them the length. */
function lastWord(key: Bytes, at: usize): u64 {
  const end = key.at + key.length;
  let word: u64 = (<u64>key.length) << 56;
  for (let shift: u64 = 0; at < end; at += 1, shift += 8) word |= (<u64>load<u8>(at)) << shift;
  return word;
}
