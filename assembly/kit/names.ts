// Names: a list of byte strings in a place of a fixed size, such as the end of a state block. A place of zeros
// is an empty list. It knows nothing of who keeps it.

import { Bytes, view } from './bytes';

/** In front of each name: its length, 16 bits, and its mark, 8. */
const HEAD: i32 = 3;

// 0      4       8
// | used | count | for each name: | length | mark | bytes |
/** Get one by `namesAt`. Positions are those of `after`, until the list changes. */
@unmanaged
export class Names {
  private used!: i32;
  /** How many there are. */
  count!: i32;

  /**
   * Adds a name, which is not looked for.
   * @param room bytes of the place, `NAMES_HEAD` included
   * @returns whether there was room for it
   */
  add(name: Bytes, mark: i32, room: i32): boolean {
    const from = this.start + <usize>this.used;
    if (NAMES_HEAD + this.used + HEAD + name.length > room || name.length > <i32>u16.MAX_VALUE) {
      return false;
    }
    store<u16>(from, name.length);
    store<u8>(from, mark, 2);
    name.copyTo(from + HEAD);
    this.used += HEAD + name.length;
    this.count += 1;
    return true;
  }

  /** @returns the position of a name with this mark, or -1 */
  find(name: Bytes, mark: i32): i32 {
    for (let at = this.after(-1); at >= 0; at = this.after(at)) {
      if (this.markAt(at) === mark && this.nameAt(at).equals(name)) return at;
    }
    return -1;
  }

  /** Those behind it move up. */
  remove(position: i32): void {
    const from = this.start + <usize>position;
    const size = HEAD + this.lengthAt(position);
    memory.copy(from, from + size, this.used - position - size);
    this.used -= size;
    this.count -= 1;
  }

  /** `for (let at = names.after(-1); at >= 0; at = names.after(at))` @returns the next position, or -1 */
  after(position: i32): i32 {
    const next = position < 0 ? 0 : position + HEAD + this.lengthAt(position);
    return next < this.used ? next : -1;
  }

  nameAt(position: i32): Bytes {
    return view(this.start + position + HEAD, this.lengthAt(position));
  }

  markAt(position: i32): i32 {
    return load<u8>(this.start + position, 2);
  }

  private get start(): usize {
    return changetype<usize>(this) + NAMES_HEAD;
  }

  private lengthAt(position: i32): i32 {
    return <i32>load<u16>(this.start + position);
  }
}

/** Bytes that an empty list takes. */
export const NAMES_HEAD: i32 = offsetof<Names>();

/** The list in the place that begins at an address. */
export const namesAt = (address: usize): Names => changetype<Names>(address);
