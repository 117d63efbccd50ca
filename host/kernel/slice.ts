// Slice: the longest single wait in the kernel. A thread that is blocked can be terminated between two
// native calls, and not within one.

export const SLICE_MS = 250;
