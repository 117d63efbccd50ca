// The kernel as the host sees it: types only. native.ts provides the real kernel, loopback.ts a simulated
// one for tests without sockets; the numbers that go with these types are in rows.ts.

/** Results of calls on the data path: a count or descriptor ≥ 0, or −errno. They never throw. */
export type Result = number;

/** A constructor of buffers: SharedArrayBuffer for workers, ArrayBuffer where there is none. */
export type BufferConstructor = new (bytes: number) => ArrayBufferLike;

export interface Epoll {
  /** The epoll descriptor itself; −1 once closed. */
  readonly fd: number;
  /** Watches `fd`; `mask` and the token halves are u32. epoll_ctl(2). */
  add(fd: number, mask: number, tokenLow: number, tokenHigh: number): Result;
  modify(fd: number, mask: number, tokenLow: number, tokenHigh: number): Result;
  remove(fd: number): Result;
  /** Waits for at most `events.length / EVENT` events; −1 ms waits for ever. EINTR is retried. */
  wait(events: Uint32Array, timeoutMs: number): Result;
  /** Idempotent. A borrowed descriptor is left open. */
  close(): void;
}

export interface Io {
  /** Names a buffer; the view must stay attached while rows refer to it (rebind after growth). */
  bind(index: number, view: Uint8Array): void;
  /**
   * Performs rows [from, to) in order and writes each one's result. Stops at the first SEND that
   * falls short or fails, or row of TLS that fails or leaves ciphertext, and returns its index; returns `to`
   * when all rows were performed.
   * Adjacent SEND rows for one descriptor go out in one sendmsg(2).
   */
  run(from: number, to: number): number;
}

/** Where sessions of TLS are: in which Tls of the process, and whose. */
export interface TlsPlace {
  readonly id: number;
  readonly seat: number;
}

/** The sessions of TLS of one seat, by slot. They outlive the thread that has the seat. */
export interface TlsSeat {
  /**
   * Begins a session with whoever came by the listener, instead of one that was left in the slot.
   * @returns false when the listener has no certificate, or there is no memory
   */
  open(slot: number, handle: number, listener: number): boolean;
  /**
   * Begins one with the upstream to which the connection leads: the first receive says hello.
   * @param host the certificate must be for, where the upstream has none of its own
   * @returns false when the upstream has no TLS, or there is no memory
   */
  dial(slot: number, handle: number, upstream: number, host: string): boolean;
  /**
   * Takes a session whose handshake the server's thread has done.
   * @returns 0 if there is none of this number; 2 if it has input already, which a receive would get
   */
  adopt(slot: number, handle: number, session: number): number;
  /** Ends one that no slot is to have. */
  drop(session: number): void;
  /** Bytes that were received for a session by other means; its first receive takes these instead. */
  feed(slot: number, view: Uint8Array, offset: number, length: number): void;
  /** Whether the slot has a session, and this connection's. */
  has(slot: number, handle: number): boolean;
  /** What is known of the peer, once the handshake is done: `tls.version`, `tls.subject` and so on. */
  fact(slot: number, name: string): string | undefined;
  /** Ends a session, if there is one, and says nothing to the peer. */
  close(slot: number): void;
  /** Milliseconds that this thread has had of the processor. */
  processorMs(): number;
}

/** TLS as a reactor has it. */
export interface TlsAccess {
  readonly place: TlsPlace;
  readonly seat: TlsSeat;
  /** Bits for each listener and upstream; tls-access.ts. */
  readonly modes: Int32Array;
}

/** One callback a wake of the loop while the watched epoll descriptor is readable. */
export interface Watcher {
  ref(): void;
  unref(): void;
  /** Idempotent; no callback comes afterwards. */
  close(): void;
}

/**
 * The waiting of this thread's event loop, taken over. While it is open libuv does not wait, and
 * somebody has to in its place: in the callback, with `fd` in the set and no longer than `timeout()`.
 */
export interface Backend {
  /** Readable while the event loop has something to do; not to be closed. */
  readonly fd: number;
  /** Milliseconds until the event loop has something to do by the clock: 0 for now, −1 for never. */
  timeout(): number;
  /** Idempotent; no callback comes afterwards, and libuv waits by itself again. */
  close(): void;
}

/** Numbers from the kernel's headers. */
export interface Constants {
  readonly EPOLLIN: number;
  readonly EPOLLOUT: number;
  readonly EPOLLERR: number;
  readonly EPOLLHUP: number;
  readonly EAGAIN: number;
  readonly SHUT_WR: number;
}

/** What the reactor needs of a kernel. */
export interface Kernel {
  readonly constants: Constants;
  epoll(): Epoll;
  /** @param tls where rows of TLS find their sessions */
  io(rows: Int32Array, tls?: TlsPlace): Io;
  /** shutdown(2); `how` is SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdown(fd: number, how: number): Result;
  /** close(2); never retried, since Linux has released the number whatever it returns. */
  close(fd: number): Result;
  /** Closes with SO_LINGER 0, so that the peer of a TCP connection gets a reset. */
  reset(fd: number): Result;
  /** `127.0.0.1:80`, `[::1]:80`, `unix:/path`, `unix:` for an unnamed one, or −errno. */
  peerAddress(fd: number): string | Result;
  /** This end's, in the same form. */
  localAddress(fd: number): string | Result;
  /**
   * Counts a connection of this address (16 bytes) in the table of addresses with this id, until its descriptor is
   * closed. `now` is in whole milliseconds. 0: it is let in; 1: the address has too many; 2: they
   * come too fast. A kernel without it limits nobody.
   */
  enterPeer?(id: number, fd: number, address: Uint8Array, now: number): number;
  /** The name of an errno (`ECONNRESET`); takes the number with either sign. */
  errorName(errno: number): string;
}
