// Guest memory: one instance's linear memory as bytes, which move when it grows. The one place where an
// address from the guest is checked. It does not know what lies where.

/** What AssemblyScript's strings show of themselves in a message. */
const STRING_UNITS = 512;

export class GuestMemory {
  readonly #limit: number;
  readonly #overgrown: (why: string) => void;
  #memory: WebAssembly.Memory | null = null;
  #bytes = new Uint8Array(0);
  #moved: ((bytes: Uint8Array) => void) | null = null;

  /** @param overgrown is told, in words, that the memory has more than `limit` bytes */
  constructor(limit: number, overgrown: (why: string) => void) {
    this.#limit = limit;
    this.#overgrown = overgrown;
  }

  /** Until it is attached the memory is empty: the start function runs before it is known. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.refresh();
  }

  get attached(): boolean {
    return this.#memory !== null;
  }

  /** Calls `moved` with the bytes, now and whenever they are other ones. */
  follow(moved: (bytes: Uint8Array) => void): void {
    this.#moved = moved;
    moved(this.#bytes);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** After the guest has run: a memory that grew has new bytes. */
  review(): void {
    if (this.#bytes.length === 0) this.refresh();
  }

  refresh(): void {
    if (this.#memory === null) return;
    const bytes = new Uint8Array(this.#memory.buffer);
    // Told first: when the stack ends here, in a host call, the old view still shows that it is stale.
    this.#moved?.(bytes);
    this.#bytes = bytes;
    if (bytes.length > this.#limit) {
      this.#overgrown(`memory grew to ${bytes.length} bytes, over guestMemoryBytes`);
    }
  }

  /** One audited place: whether (address, length), both read as unsigned, lies in the memory. */
  within(address: number, length: number): boolean {
    if (this.#bytes.length === 0) this.refresh();
    const size = this.#bytes.length;
    return length <= size && address <= size - length;
  }

  clear(address: number, length: number): void {
    this.#bytes.fill(0, address, address + length);
  }

  /** The bytes themselves, as long as the memory does not grow. */
  view(address: number, length: number): Uint8Array {
    return this.#bytes.subarray(address, address + length);
  }

  /** For numbers of several bytes; as long as the memory does not grow. */
  data(): DataView {
    return new DataView(this.#bytes.buffer);
  }

  /** A copy. */
  read(address: number, length: number): Uint8Array {
    return this.#bytes.slice(address, address + length);
  }

  write(address: number, source: Uint8Array, length: number): void {
    for (let index = 0; index < length; index += 1) this.#bytes[address + index] = source[index]!;
  }

  /**
   * A string of AssemblyScript's: UTF-16, with its length in bytes in the four bytes before. At most 512
   * units; '' for an address that cannot be one.
   */
  string(address: number): string {
    this.review();
    if (address < 4 || !this.within(address - 4, 4)) return '';
    const view = this.data();
    const length = Math.min(view.getUint32(address - 4, true), STRING_UNITS * 2);
    if (!this.within(address, length)) return '';
    const units = [];
    for (let at = address; at + 1 < address + length; at += 2) units.push(view.getUint16(at, true));
    return String.fromCharCode(...units);
  }
}
