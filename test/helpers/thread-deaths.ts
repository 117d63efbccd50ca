// A scripted afternoon of a reactor on a simulated kernel whose thread ends at any step, and what must
// hold of those that come after it. Same script, same bytes, whatever step is chosen.

import type { Epoll, Io, Kernel, TlsSeat } from '../../host/kernel/contract.ts';
import type { Loopback } from '../../host/kernel/loopback/loopback.ts';
import type { Socket } from '../../host/kernel/loopback/loopback-socket.ts';
import { TLS_AT_ONCE, TLS_LATER } from '../../host/kernel/tls/tls-access.ts';
import type { ListenerTable } from '../../host/listen/peer/listener-table.ts';
import type { ControlWords } from '../../host/memory/control-words.ts';
import type * as Columns from '../../host/memory/layout.ts';
import type { Segment } from '../../host/memory/segment.ts';
import type { StateBlocks } from '../../host/memory/state-blocks.ts';
import type { GuestModule } from '../../host/module/protocol-module.ts';
import { headerBytes, type Policy } from '../../host/policy.ts';
import type { Reactor } from '../../host/reactor/reactor.ts';
import type { Remains } from '../../host/reactor/recovery.ts';
import type { DialRequest, UpstreamAccess } from '../../host/upstreams/contract.ts';
import type { CountBuffers, UpstreamCounts } from '../../host/upstreams/counts.ts';
import { difference, pattern } from './bytes.ts';
import { pagesIn } from './pool-units.ts';
import { steppedHost } from './statement-steps.ts';

const OPEN = 1 << 0;
const KNOWN = 1 << 1;
const LINGERING = 1 << 10;
const DOOMED = 1 << 11;
const AWAITING = 1 << 18;
const HANDSHAKING = 1 << 21;

// Listeners by their numbers.
const USUAL = 0;
const PROXIED = 1;
const UPGRADING = 2;

/** What each end that has a session says in its handshake. */
const FLIGHT = pattern(40, 3);
const MOST_HANDSHAKES = 4;
const HANDSHAKE_MS = 100;

class Death extends Error {}

interface Host {
  Reactor: typeof Reactor;
  ControlWords: typeof ControlWords;
  Loopback: typeof Loopback;
  ListenerTable: typeof ListenerTable;
  columns: typeof Columns;
  Segment: typeof Segment;
  UpstreamCounts: typeof UpstreamCounts;
  module: GuestModule;
  policy: Policy;
}

/** Loads the host with steps, and the guest in it. */
export async function hostOfDeaths(name: string, guest: Uint8Array): Promise<Host> {
  const load = steppedHost(name);
  const [reactor, control, loopback, listeners, columns, segment, modules, policies, counts] =
    (await Promise.all(
      [
        'reactor/reactor',
        'memory/control-words',
        'kernel/loopback/loopback',
        'listen/peer/listener-table',
        'memory/layout',
        'memory/segment',
        'module/protocol-module',
        'policy',
        'upstreams/counts',
      ].map((file) => load(`host/${file}`)),
    )) as [
      { Reactor: typeof Reactor },
      { ControlWords: typeof ControlWords },
      { Loopback: typeof Loopback },
      { ListenerTable: typeof ListenerTable },
      typeof Columns,
      { Segment: typeof Segment },
      typeof import('../../host/module/protocol-module.ts'),
      typeof import('../../host/policy.ts'),
      { UpstreamCounts: typeof UpstreamCounts },
    ];
  const policy = policies.resolvePolicy({
    maxConnections: 32,
    poolBytes: 1 << 20,
    maxBacklogBytes: 256 << 10,
    highWaterBytes: 64 << 10,
    lowWaterBytes: 16 << 10,
    // For a record that is held beside a frame.
    receiveWindowBytes: 26 << 10,
    bytesPerTurn: 16 << 10,
    maxHandshakes: MOST_HANDSHAKES,
    handshakeTimeoutMs: HANDSHAKE_MS,
    maxFrameBytes: 8 << 10,
    maxStagedBytes: 64 << 10,
    maxStagedSends: 64,
    logLinesPerSecond: 1_000_000,
    lingerMs: 50,
  });
  const module = await modules.loadModule(guest, policy);
  const parts = { ...reactor, ...control, ...loopback, ...listeners, ...segment, ...counts };
  return { ...parts, columns, module, policy };
}

/** When the threads are to end: at so many steps of the first, then of the second, and so on. */
export type Deaths = readonly number[];

export interface Outcome {
  /** Steps of the first thread; with no death, all there are. */
  readonly steps: number;
  readonly deaths: number;
  /** Connections that were lost. */
  readonly lost: number;
  /** Descriptors that no thread could close for certain. */
  readonly forgotten: number;
  /** What should not be; empty when all is well. */
  readonly faults: string[];
}

interface Peer {
  readonly name: string;
  readonly socket: Socket;
  readonly fd: number;
  received: Uint8Array[];
  expected: Uint8Array;
  /** By the rules it may be lost. */
  lost: boolean;
  /** By TLS. */
  secured: boolean;
}

/** A life of several threads in one place, one after the other. */
export class Place {
  readonly #host: Host;
  readonly #kernel: Loopback;
  readonly #deaths: number[];
  readonly #peers = new Map<string, Peer>();
  readonly #open = new Set<number>();
  readonly #owner = new Map<number, Peer>();
  readonly faults: string[] = [];
  readonly logs: string[] = [];
  steps = 0;
  died = 0;
  #left = 0;
  #now = 1;
  #control: ControlWords;
  readonly #listeners: ListenerTable;
  #headers: SharedArrayBuffer;
  #reactor!: Reactor;
  #epoll: Epoll;
  #dead = false;
  /** The thread runs, not the script. */
  #inside = false;
  #frozen: {
    segment: SharedArrayBuffer;
    states: StateBlocks;
    control: SharedArrayBuffer;
    headers: SharedArrayBuffer;
  } | null = null;
  #lost = { slot: -1, reason: 13 };
  /** Whether connections are by TLS, and how they begin with each listener. */
  readonly #secured: boolean;
  readonly #modes = new Int32Array(3);
  /** Of one upstream. */
  readonly #counts: CountBuffers;
  /** What guests have asked for that was not answered, by handle. */
  readonly #asked = new Map<number, DialRequest>();

  constructor(host: Host, deaths: Deaths, secured = false) {
    this.#host = host;
    this.#secured = secured;
    if (secured) this.#modes.set([TLS_AT_ONCE, TLS_AT_ONCE, TLS_LATER]);
    this.#kernel = new host.Loopback();
    this.#counts = host.UpstreamCounts.make(SharedArrayBuffer, 1);
    this.#deaths = [...deaths];
    this.#control = new host.ControlWords(new SharedArrayBuffer(host.ControlWords.bytes));
    this.#epoll = this.#kernel.epoll();
    this.#listeners = host.ListenerTable.make(SharedArrayBuffer);
    for (const number of [USUAL, PROXIED, UPGRADING]) {
      this.#listeners.add({ name: 'unix:', proxied: number === PROXIED });
    }
    this.#kernel.seat.flight = FLIGHT;
    this.#headers = new SharedArrayBuffer(headerBytes(host.policy));
    // The first start is not the matter here: the steps begin when it serves.
    globalThis.wasmpollStep = undefined;
    this.#reactor = this.#start(null);
    this.#arm();
  }

  #arm(): void {
    this.#left = this.#deaths.shift() ?? Infinity;
    this.#dead = false;
    globalThis.wasmpollStep = () => this.#step();
  }

  #step(): void {
    if (!this.#inside) return;
    if (this.#dead) throw new Death();
    this.steps += 1;
    if (this.steps < this.#left) return;
    // From here on nothing that this thread does counts: it is unwound from a copy's point of view.
    this.#dead = true;
    const segment = this.#segment.slice(0) as SharedArrayBuffer;
    const control = this.#control.buffer.slice(0) as SharedArrayBuffer;
    const states = { ...this.#states, buffer: this.#states.buffer.slice(0) };
    const headers = this.#headers.slice(0);
    this.#frozen = { segment, states, control, headers };
    throw new Death();
  }

  #segment!: ArrayBufferLike;
  #states!: StateBlocks;

  #start(remains: Remains | null): Reactor {
    const place = this;
    const { Reactor: Start, module, policy } = this.#host;
    // Known as soon as it exists: a thread may end in its constructor.
    class Noted extends SharedArrayBuffer {
      constructor(bytes: number) {
        super(bytes);
        if (bytes > 1 << 20) place.#segment = this;
      }
    }
    if (remains !== null) {
      this.#segment = remains.segment;
      this.#states = remains.states;
    }
    const reactor = new Start({
      kernel: this.#wrapped(),
      module,
      policy,
      observer: {
        open: null,
        data: null,
        close: null,
        restart: ({ why }) => {
          if (!this.#dead) this.faults.push(`restart: ${why}`);
        },
        failure: (error) => {
          if (!this.#dead) this.faults.push(`failure: ${String(error)}`);
        },
        fault: () => true,
        log: (_, text) => this.logs.push(text) > 0,
      },
      now: () => this.#now,
      buffer: Noted,
      listeners: this.#listeners.buffer,
      headers: this.#headers,
      control: this.#control,
      epoll: this.#wrappedEpoll(),
      ...(this.#secured && { tls: this.#tls() }),
      upstreams: this.#upstreams(),
      ...(remains === null ? {} : { remains }),
    });
    this.#states = reactor.states;
    return reactor;
  }

  #live(): void {
    if (this.#dead) throw new Death();
    globalThis.wasmpollStep?.();
  }

  // The dialer is in another thread: what it was told it knows.
  #upstreams(): UpstreamAccess {
    const upstream = { name: 'upstream', patterns: [], max: 64, proxied: true };
    return {
      share: { upstreams: [upstream], counts: this.#counts },
      room: Number.POSITIVE_INFINITY,
      seat: 1,
      dial: (request) => {
        this.#live();
        this.#asked.set(request.handle, request);
        globalThis.wasmpollStep?.();
      },
      cancel: (handle) => {
        this.#live();
        this.#asked.delete(handle);
        globalThis.wasmpollStep?.();
      },
    };
  }

  // Sessions are nobody's memory but the process's.
  #tls(): { place: { id: number; seat: number }; seat: TlsSeat; modes: Int32Array } {
    const { seat } = this.#kernel;
    const wrapped: TlsSeat = {
      open: (slot, handle) => {
        this.#live();
        return seat.open(slot, handle);
      },
      dial: (slot, handle) => {
        this.#live();
        return seat.dial(slot, handle);
      },
      adopt: (...args) => {
        this.#live();
        return seat.adopt(...args);
      },
      drop: (session) => {
        this.#live();
        seat.drop(session);
      },
      feed: (...args) => {
        this.#live();
        seat.feed(...args);
      },
      has: (slot, handle) => seat.has(slot, handle),
      fact: (slot, name) => seat.fact(slot, name),
      close: (slot) => {
        this.#live();
        seat.close(slot);
      },
      processorMs: () => seat.processorMs(),
    };
    return { place: { id: 1, seat: 0 }, seat: wrapped, modes: this.#modes };
  }

  #wrapped(): Kernel {
    const kernel = this.#kernel;
    const gone = (fd: number, how: () => number): number => {
      this.#live();
      if (!this.#open.delete(fd)) this.faults.push(`descriptor ${fd} closed twice`);
      return how();
    };
    return {
      constants: kernel.constants,
      epoll: () => kernel.epoll(),
      io: (rows): Io => {
        const io = kernel.io(rows);
        return {
          bind: (index, view) => io.bind(index, view),
          run: (from, to) => {
            this.#live();
            const stop = io.run(from, to);
            globalThis.wasmpollStep?.();
            return stop;
          },
        };
      },
      shutdown: (fd, how) => {
        this.#live();
        return kernel.shutdown(fd, how);
      },
      close: (fd) => gone(fd, () => kernel.close(fd)),
      reset: (fd) => gone(fd, () => kernel.reset(fd)),
      peerAddress: (fd) => kernel.peerAddress(fd),
      localAddress: (fd) => kernel.localAddress(fd),
      errorName: (errno) => kernel.errorName(errno),
    };
  }

  #wrappedEpoll(): Epoll {
    const epoll = this.#epoll;
    return {
      fd: 0,
      add: (...args) => {
        this.#live();
        return epoll.add(...args);
      },
      modify: (...args) => {
        this.#live();
        return epoll.modify(...args);
      },
      remove: (...args) => {
        this.#live();
        return epoll.remove(...args);
      },
      wait: (events, timeout) => {
        this.#live();
        return epoll.wait(events, timeout);
      },
      close: () => undefined,
    };
  }

  /** Runs `what` in the thread; when it ends there, another takes its place. */
  #run(what: () => void): void {
    this.#inside = true;
    try {
      what();
    } catch (thrown) {
      if (!this.#dead) throw thrown;
    }
    this.#inside = false;
    while (this.#dead) this.#replace();
  }

  // What the supervisor does.
  #replace(): void {
    this.died += 1;
    const { segment, states, control, headers } = this.#frozen!;
    this.#headers = headers;
    this.#control = new this.#host.ControlWords(control);
    const inside = this.#control.inside && this.#control.slot >= 0;
    if (inside) this.#lost = { slot: this.#control.slot, reason: 13 };
    else if (this.#control.hasRecovered) this.#lost = { slot: -1, reason: 13 };
    this.#control.reset();
    this.#mark(segment, inside ? this.#control.slot : this.#lost.slot);
    this.steps = 0;
    this.#arm();
    this.#inside = true;
    try {
      this.#reactor = this.#start({ segment, states, before: null, ...this.#lost });
    } catch (thrown) {
      if (!this.#dead) throw thrown;
    }
    this.#inside = false;
  }

  // Who may be lost: by the rules, and nobody else.
  #mark(segment: ArrayBufferLike, inCallback: number): void {
    const { COLUMNS, FLAGS, FD, BUSY, STAGED_BYTES, UNSAVED } = this.#host.columns;
    const rows = this.#host.policy.maxConnections;
    const table = new Int32Array(segment, 0, rows * COLUMNS);
    const placed = new Set<number>();
    for (let slot = 0; slot < rows; slot += 1) {
      const base = slot * COLUMNS;
      const flags = table[base + FLAGS]!;
      if ((flags & OPEN) === 0) continue;
      const fd = table[base + FD]!;
      placed.add(fd);
      const moving =
        table[base + BUSY] !== 0 ||
        table[base + UNSAVED] !== 0 ||
        (inCallback < 0 && table[base + STAGED_BYTES] !== 0);
      const admitted = (flags & (KNOWN | LINGERING | AWAITING | HANDSHAKING)) !== 0;
      const peer = this.#owner.get(fd);
      if (peer === undefined) continue;
      if (moving || !admitted || slot === inCallback || (flags & DOOMED) !== 0) peer.lost = true;
    }
    const { taken } = this.#control;
    if (taken >= 0 && !placed.has(taken)) {
      const peer = this.#owner.get(taken);
      if (peer !== undefined) peer.lost = true;
    }
    // Between forgetting a descriptor and closing it nobody may close it: the number may be another's.
    for (const fd of [...this.#open]) {
      const peer = this.#owner.get(fd)!;
      if (placed.has(fd) || taken === fd || this.#handed.has(fd)) continue;
      // The thread has not taken the answer yet.
      if (this.#answered(fd)) continue;
      peer.lost = true;
      this.forgotten += 1;
      this.#open.delete(fd);
      this.#kernel.reset(fd);
    }
    for (const fd of [...this.#handed]) if (placed.has(fd) || taken === fd) this.#handed.delete(fd);
  }

  #answered(fd: number): boolean {
    const { answers } = new this.#host.ControlWords(this.#control.buffer.slice(0));
    for (; answers.look(); answers.done()) if (answers.fd === fd) return true;
    return false;
  }

  /** Descriptors that no thread could close for certain. */
  forgotten = 0;
  readonly #handed = new Set<number>();

  // The script's side.

  /** With TLS it does its part of the handshake at once, unless the listener is another one or `mute`. */
  connect(
    name: string,
    script: string,
    bufferBytes = 1 << 20,
    listener = USUAL,
    mute = false,
  ): void {
    const { fd, client } = this.#kernel.connect(bufferBytes, `!${script}`);
    const peer: Peer = {
      name,
      socket: client,
      fd,
      received: [],
      expected: new Uint8Array(0),
      lost: false,
      secured: false,
    };
    this.#peers.set(name, peer);
    this.#open.add(fd);
    this.#owner.set(fd, peer);
    this.#handed.add(fd);
    this.#control.hand(fd, listener);
    this.#run(() => this.#reactor.openHanded());
    this.#run(() => this.#reactor.openHanded());
    this.#handed.delete(fd);
    this.settle();
    if (this.#secured && listener === USUAL && !mute) this.shake(name);
  }

  /** Nothing comes of what is asked for still, as when the dialer has waited long enough. */
  refuseRest(): void {
    for (const handle of [...this.#asked.keys()]) {
      this.#asked.delete(handle);
      this.#control.answers.give(handle, -1);
    }
    this.#run(() => this.#reactor.openHanded());
    this.#run(() => this.#reactor.openHanded());
    this.settle();
  }

  /**
   * The dialer answers what was asked for by a client, if it still is there.
   * @param script of the client, which tells it apart
   * @param name what the upstream's end is called; null if there is no connection
   * @param secured by TLS, whose handshake is done
   */
  answer(
    script: string,
    name: string | null,
    { bufferBytes = 1 << 20, secured = false }: { bufferBytes?: number; secured?: boolean } = {},
  ): void {
    const found = [...this.#asked].find(([, request]) => request.peer === `!${script}`);
    if (found === undefined) return;
    const [handle] = found;
    this.#asked.delete(handle);
    let fd = -1;
    if (name !== null) {
      const pair = this.#kernel.connect(bufferBytes, 'upstream');
      fd = pair.fd;
      const peer: Peer = {
        name,
        socket: pair.client,
        fd,
        received: [],
        expected: new Uint8Array(0),
        lost: false,
        secured,
      };
      this.#peers.set(name, peer);
      this.#open.add(fd);
      this.#owner.set(fd, peer);
      this.#upward.add(name);
    }
    const session = name !== null && secured ? this.#kernel.seat.offer({}) : 0;
    this.#control.answers.give(handle, fd, session);
    this.#run(() => this.#reactor.openHanded());
    this.#run(() => this.#reactor.openHanded());
    this.settle();
  }

  readonly #upward = new Set<string>();

  has(name: string): boolean {
    return this.#peers.has(name);
  }

  /** What happens to one may happen to the other: they are linked. */
  share(one: string, other: string): void {
    const [a, b] = [this.#peers.get(one), this.#peers.get(other)];
    if (a === undefined || b === undefined) return;
    const lost = a.lost || b.lost || this.lost(one) || this.lost(other);
    a.lost = lost;
    b.lost = lost;
  }

  /** Does the peer's part of the handshake. */
  shake(name: string): void {
    const peer = this.#peers.get(name)!;
    if (peer.socket.peer !== null) peer.socket.peer.hello = true;
    peer.secured = true;
    this.expect(name, FLIGHT);
    this.settle();
  }

  /** As `shake`, for one that has received nothing yet. */
  shakeFirst(name: string): void {
    const peer = this.#peers.get(name)!;
    peer.expected = Buffer.concat([FLIGHT, peer.expected]);
    if (peer.socket.peer !== null) peer.socket.peer.hello = true;
    peer.secured = true;
  }

  /** Whatever happens to it is right. */
  giveUp(name: string): void {
    this.#peers.get(name)!.lost = true;
  }

  send(name: string, data: string | Uint8Array): void {
    const { socket } = this.#peers.get(name)!;
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    for (let sent = 0; sent < bytes.length; ) {
      const result = socket.send(bytes.subarray(sent));
      if (result < 0 && socket.peer?.closed) return;
      if (result < 0 && this.lost(name)) return;
      if (result > 0) sent += result;
      this.settle();
      this.read(name);
    }
  }

  expect(name: string, data: string | Uint8Array): void {
    const peer = this.#peers.get(name)!;
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    peer.expected = Buffer.concat([peer.expected, bytes]);
  }

  /** Writes without a turn: several connections are to be ready in one. */
  queue(name: string, data: string): void {
    this.#peers.get(name)!.socket.send(new TextEncoder().encode(data));
  }

  /** Its name for the guest's commands; that of nobody when it is gone. */
  handle(name: string): string {
    const { COLUMNS, FD, FLAGS, HANDLE } = this.#host.columns;
    const table = new Int32Array(this.#segment, 0, this.#host.policy.maxConnections * COLUMNS);
    const fd = this.#peers.get(name)!.fd;
    for (let base = 0; base < table.length; base += COLUMNS) {
      const open = (table[base + FLAGS]! & OPEN) !== 0 && table[base + FD] === fd;
      if (open && !this.lost(name)) return `#${table[base + HANDLE]}`;
    }
    return '#0';
  }

  lost(name: string): boolean {
    const { socket } = this.#peers.get(name)!;
    return socket.reset || socket.resetTold;
  }

  end(name: string): void {
    const { socket } = this.#peers.get(name)!;
    if (socket.peer !== null) socket.peer.announced = true;
    this.cut(name);
  }

  /** Ends it without a word. */
  cut(name: string): void {
    const peer = this.#peers.get(name)!;
    peer.socket.finish();
    this.settle();
  }

  reset(name: string): void {
    const peer = this.#peers.get(name)!;
    peer.socket.abort();
    this.settle();
  }

  read(name: string): void {
    const peer = this.#peers.get(name)!;
    const bytes = peer.socket.drain();
    if (bytes.length === 0) return;
    peer.received.push(bytes);
    this.settle();
    this.read(name);
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#reactor.deadline; next <= end; next = this.#reactor.deadline) {
      this.#now = Math.max(this.#now, next);
      this.settle();
    }
    this.#now = end;
    this.settle();
  }

  settle(): void {
    const events = new Uint32Array(3);
    for (let more = true, rounds = 0; more; rounds += 1) {
      if (rounds > 10_000) throw new Error('it does not come to rest');
      this.#run(() => {
        more = this.#reactor.turn();
      });
      more = more || this.#epoll.wait(events, 0) > 0;
    }
  }

  /** All is over: what each has got, and that nothing is kept. */
  finish(): Outcome {
    const steps = this.steps;
    globalThis.wasmpollStep = undefined;
    let lost = 0;
    for (const [name, peer] of this.#peers) {
      this.read(name);
      const got = Buffer.concat(peer.received);
      const isLost = this.lost(name);
      if (isLost) lost += 1;
      if (peer.secured && peer.socket.ended && !isLost && !peer.socket.announced) {
        this.faults.push(`${name} ended without an announcement`);
      }
      if (isLost && !peer.lost) this.faults.push(`${name} was lost, and was not being changed`);
      const wanted = isLost ? peer.expected.subarray(0, got.length) : peer.expected;
      const wrong = difference(got, wanted);
      // Who speaks to it may be lost, and what it would have said.
      const heard = name.startsWith('listener') && this.#peers.get('speaker')!.lost;
      if (wrong !== '' && !peer.lost && !heard) this.faults.push(`${name}: ${wrong}`);
      else if (wrong !== '') {
        const prefix = difference(got, peer.expected.subarray(0, got.length));
        if (prefix !== '') this.faults.push(`${name}, lost: ${prefix}`);
      }
    }
    this.#accounts();
    for (const peer of this.#peers.values()) peer.socket.abort();
    this.settle();
    this.advance(120_000);
    const { connections, backlogBytes, poolBytes } = this.#reactor.snapshot();
    const left = JSON.stringify([connections.open, backlogBytes, poolBytes, this.#open.size]);
    if (left !== '[0,0,0,0]') this.faults.push(`left at the end: ${left}`);
    const { count } = this.#kernel.seat;
    if (count > 0) this.faults.push(`${count} sessions are left at the end`);
    const finished = this.#control.finishedCount;
    const handed = this.#peers.size - this.#upward.size;
    if (finished !== handed) this.faults.push(`${finished} of ${handed} counted as finished`);
    const { all } = new this.#host.UpstreamCounts(this.#counts);
    if (all !== 0) this.faults.push(`${all} connections to upstreams are counted at the end`);
    return { steps, deaths: this.died, lost, forgotten: this.forgotten, faults: this.faults };
  }

  // The pages that chains lie in, no byte of them in two, are the pages that are not free.
  #accounts(): void {
    const { columns, policy, Segment } = this.#host;
    const sizes = {
      connections: policy.maxConnections,
      stateBytes: 0,
      poolBytes: policy.poolBytes,
    };
    const existing = { segment: this.#segment, states: this.#reactor.states, before: null };
    const segment = new Segment(sizes, SharedArrayBuffer, existing);
    const { table } = segment;
    const chains: number[] = [];
    let backlog = 0;
    for (let slot = 0; slot < policy.maxConnections; slot += 1) {
      const base = slot * columns.COLUMNS;
      if ((table[base + columns.FLAGS]! & OPEN) === 0) continue;
      backlog += table[base + columns.OUTPUT_BYTES]!;
      chains.push(base + columns.OUTPUT, base + columns.HELD);
    }
    const pages = pagesIn(segment, chains);
    const { poolBytes, backlogBytes } = this.#reactor.snapshot();
    if (poolBytes !== pages * 16_384)
      this.faults.push(`${poolBytes} bytes of pool, ${pages} pages`);
    if (backlogBytes !== backlog) this.faults.push(`${backlogBytes} of backlog, not ${backlog}`);
  }
}

/**
 * The afternoon. Every connection is told apart by its bytes.
 * @param secured by TLS
 */
export function live(host: Host, deaths: Deaths, secured = false): Outcome {
  const place = new Place(host, deaths, secured);
  const bulk = pattern(60_000, 7);
  place.connect('echo', 'q;m 1,4000;', 3000);
  place.connect('slow', 'q;m 1,9000;', 9000);
  place.connect('lines', 'q;m 2,0;');
  place.connect('frames', 'q;m 4,0;');
  place.connect('listener 1', 'q;s .,hello 1;');
  place.connect('listener 2', 'q;s .,hello 2;', 10);
  place.expect('listener 1', 'hello 1');
  place.expect('listener 2', 'hello 2');
  place.connect('speaker', 'q;');
  place.connect('ticker', 'q;e t{+ 1;s .,tick;t .,50;}t .,50;');
  place.connect('counter', 'e d{+ 3;}');
  // What follows the header came with its end.
  place.connect('proxied', 'q;m 1,4000;', 1 << 20, PROXIED);
  place.queue('proxied', 'PROXY UNK');
  place.expect('proxied', 'hello');
  const [one, two] = [place.handle('listener 1'), place.handle('listener 2')];
  // Several ready at once, input held, a message for all, a backlog.
  place.queue('lines', 'one\ntwo\nthr');
  place.queue('frames', '\u0003abc\u0005de');
  place.queue('counter', '+ 1;');
  place.queue('speaker', `s ${one},[first];s ${two},[first];s .,said;`);
  place.settle();
  place.expect('lines', 'one\ntwo\n');
  place.expect('frames', '\u0003abc');
  place.expect('listener 1', '[first]');
  place.expect('listener 2', '[first]');
  place.expect('speaker', 'said');
  place.expect('echo', bulk);
  place.send('echo', bulk);
  place.expect('slow', bulk.subarray(0, 20_000));
  place.queue('slow', '');
  place.send('slow', bulk.subarray(0, 20_000));
  place.queue('proxied', 'NOWN 1 2\r');
  place.advance(120);
  place.queue('proxied', '\nhel');
  place.expect('ticker', 'ticktick');
  if (secured) {
    // What came behind the header waits for the handshake.
    place.settle();
    place.shakeFirst('proxied');
  }
  place.queue('proxied', 'lo');
  // Some go, some come, while others wait.
  place.connect('leaver', 'q;m 1,100;');
  place.expect('leaver', 'bye');
  place.queue('leaver', 'bye');
  place.end('leaver');
  place.connect('closer', 'q;s .,and gone;x .,0;');
  place.expect('closer', 'and gone');
  place.connect('resetter', 'q;m 1,1;');
  place.queue('resetter', 'x');
  place.reset('resetter');
  place.queue('speaker', `s ${one},[second];s ${two},[second];P .;`);
  place.queue('counter', '+ 1;');
  // What is held of a line grows out of each size of block, beside what others hold.
  const line = `${'e'.repeat(5_202)}\nfo`;
  for (const [from, to] of [
    [0, 300],
    [300, 1_200],
    [1_200, line.length],
  ]) {
    place.queue('lines', line.slice(from, to));
    place.settle();
  }
  place.queue('lines', 'ur\n');
  place.queue('frames', 'fgh');
  place.settle();
  place.expect('lines', `thr${line}ur\n`);
  place.expect('frames', '\u0005defgh');
  place.expect('listener 1', '[second]');
  place.expect('listener 2', '[second]');
  place.read('listener 2');
  place.connect('late', 'q;s .,welcome;m 1,50;');
  place.expect('late', 'welcome');
  place.advance(100);
  place.expect('ticker', 'ticktick');
  place.queue('counter', '?;');
  place.settle();
  if (!place.lost('counter') && !place.logs.some((text) => text.startsWith('=8 '))) {
    place.faults.push('the counter has lost its state');
  }
  if (secured) liveSecured(place);
  return place.finish();
}

// Handshakes that are late, too many, given up, or in the middle; and an end that nobody announces.
function liveSecured(place: Place): void {
  for (let mute = 1; mute <= MOST_HANDSHAKES + 1; mute += 1) {
    place.connect(`mute ${mute}`, `q;s .,spoken ${mute};m 1,50;`, 1 << 20, USUAL, true);
    place.advance(1);
  }
  // The oldest had to go for the last one.
  place.giveUp('mute 1');
  place.queue('mute 2', 'with the handshake');
  for (const mute of [3, 2]) {
    place.shake(`mute ${mute}`);
    place.expect(`mute ${mute}`, `spoken ${mute}`);
  }
  place.expect('mute 2', 'with the handshake');
  place.connect('upgrader', 'q;m 1,50;s .,in clear;S .;', 4, UPGRADING);
  place.expect('upgrader', 'in clear');
  place.shake('upgrader');
  place.read('upgrader');
  place.expect('upgrader', 'and sealed');
  place.send('upgrader', 'and sealed');
  place.connect('cut', 'q;m 1,50;');
  place.expect('cut', 'not the end');
  place.queue('cut', 'not the end');
  place.cut('cut');
  // Nobody is known to the guest who was not in time.
  place.giveUp('mute 4');
  place.giveUp(`mute ${MOST_HANDSHAKES + 1}`);
  place.advance(HANDSHAKE_MS);
  place.expect('ticker', 'ticktick');
  for (const mute of [4, MOST_HANDSHAKES + 1]) {
    if (!place.lost(`mute ${mute}`)) place.faults.push(`mute ${mute} was not given up`);
  }
}
