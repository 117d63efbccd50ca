// What every guest exports besides its callbacks: `export * from './guest'`.

/** Marks the ABI version; the host looks for the name and never calls it. */
export function wasmpoll_abi_1(): void {}

/** A block for the host, 16-byte aligned and never freed. */
export function allocate(bytes: i32): usize {
  return heap.alloc(<usize>bytes);
}
