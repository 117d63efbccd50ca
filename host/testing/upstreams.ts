// Upstreams: those of a harness, in the place of the server's dialer and of the operator's side. It answers what reactors
// ask, and decides nothing: tests do.

import { WasmpollError } from '../errors.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import type { Loopback } from '../kernel/loopback/loopback.ts';
import { modeIndex, TLS_LATER } from '../kernel/tls/tls-access.ts';
import type { DialRequest, UpstreamAccess, UpstreamShare } from '../upstreams/contract.ts';
import { UNBOUNDED, UpstreamCounts } from '../upstreams/counts.ts';
import { type Pattern, readPattern } from '../upstreams/pattern.ts';
import { preamble } from '../upstreams/preamble.ts';
import type { Peers } from './peers.ts';
import {
  type Manner,
  type Request,
  Upstream,
  type UpstreamOptions,
  UpstreamPeer,
} from './upstream.ts';

const SEAT = 1;

export type UpstreamsOptions = Readonly<Record<string, UpstreamOptions>>;

/** What a harness has for them. */
export interface Ground {
  readonly kernel: Loopback;
  readonly peers: Peers;
  readonly buffer: BufferConstructor;
  readonly now: () => number;
  readonly settle: () => void;
  /** As `Reactor.answer`. */
  readonly answer: (handle: number, fd: number, session: number) => boolean;
  /** Which listeners and upstreams have TLS, and when; kernel/tls-access.ts. */
  readonly modes: Int32Array;
}

export class Upstreams {
  /** Null if there are none. */
  readonly access: UpstreamAccess | null;
  readonly #ground: Ground;
  readonly #named: ReadonlyMap<string, Upstream>;
  readonly #list: readonly Upstream[];
  #ports = 1;

  /** @throws WasmpollError ERR_OPTION when a pattern is none */
  constructor(options: UpstreamsOptions, ground: Ground) {
    this.#ground = ground;
    const entries = Object.entries(options);
    const made = entries.map(
      ([name, one]) => [name, new Upstream(one, () => ground.settle())] as const,
    );
    this.#named = new Map(made);
    this.#list = made.map(([, upstream]) => upstream);
    for (const [number, [, { starttls = false }]] of entries.entries()) {
      if (starttls) ground.modes[modeIndex(number, true)] = TLS_LATER;
    }
    this.access = entries.length === 0 ? null : this.#accessOf(shareOf(entries, ground.buffer));
  }

  #accessOf(share: UpstreamShare): UpstreamAccess {
    return {
      share,
      seat: SEAT,
      room: Number.POSITIVE_INFINITY,
      dial: (request) => this.#dial(request),
      cancel: (handle) => {
        for (const upstream of this.#list) upstream.forget(handle);
      },
    };
  }

  #dial({ handle, upstream, added, peer, local }: DialRequest): void {
    const askedAt = this.#ground.now();
    this.#list[upstream]!.ask({ handle, added, proxied: peer, local, askedAt });
  }

  /** @throws WasmpollError ERR_OPTION */
  named(name: string): Upstream {
    const upstream = this.#named.get(name);
    if (upstream !== undefined) return upstream;
    const known = [...this.#named.keys()].join(', ');
    const there = known === '' ? 'it was made without upstreams' : `there are ${known}`;
    throw new WasmpollError('ERR_OPTION', `upstream '${name}': the harness has none; ${there}`);
  }

  get deadline(): number {
    return this.#list.reduce(
      (first, { deadline }) => Math.min(first, deadline),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Something can be done now. */
  get waits(): boolean {
    return this.deadline <= this.#ground.now() || this.#list.some(({ isCalled }) => isCalled);
  }

  /** Does all that can be done now. @returns whether there was anything */
  turn(): boolean {
    let done = false;
    for (const upstream of this.#list) {
      for (const { request, manner } of upstream.due(this.#ground.now())) {
        done = this.#answer(upstream, request, manner) || done;
      }
      done = upstream.turn() || done;
    }
    return done;
  }

  // Where too many answers are on their way, it is tried again after a turn of the reactor.
  #answer(upstream: Upstream, request: Request, manner: Manner): boolean {
    const { kernel, peers, answer, settle } = this.#ground;
    const { handle } = request;
    if (manner === 'refuse') {
      const given = answer(handle, -1, 0);
      if (given) upstream.forget(handle);
      return given;
    }
    const { tls = false } = upstream.options;
    const header = headerOf(upstream.options, request);
    // A socket that is new has room for a header.
    const bufferBytes = Math.max(upstream.bufferBytes, header.length);
    const { fd, client } = kernel.connect(bufferBytes, `192.0.2.1:${this.#ports}`, '127.0.0.1:1');
    if (header.length > 0) kernel.socket(fd)!.send(header);
    const peer = new UpstreamPeer(client, () => settle(), request, header);
    peers.expect(handle, peer);
    const facts = typeof tls === 'object' ? tls : {};
    const session = tls === false ? 0 : kernel.seat.offer(facts);
    if (!answer(handle, fd, session)) {
      kernel.seat.drop(session);
      kernel.reset(fd);
      return false;
    }
    this.#ports += 1;
    upstream.forget(handle);
    upstream.connected(peer);
    if (manner === 'reset') client.abort();
    return true;
  }
}

function headerOf({ proxy }: UpstreamOptions, { proxied, local }: Request): Uint8Array {
  if (proxy === undefined) return new Uint8Array();
  return preamble(proxy === 'v1' ? 1 : 2, proxied, local);
}

function shareOf(
  entries: readonly (readonly [string, UpstreamOptions])[],
  buffer: BufferConstructor,
): UpstreamShare {
  const upstreams = entries.map(([name, { pattern = [], max = UNBOUNDED, proxy }]) => ({
    ...{ name, max, proxied: proxy !== undefined },
    patterns: [pattern].flat().map((text) => patternOf(name, text)),
  }));
  return { upstreams, counts: UpstreamCounts.make(buffer, upstreams.length) };
}

function patternOf(name: string, text: string): Pattern {
  const pattern = readPattern(text);
  if (typeof pattern !== 'string') return pattern;
  throw new WasmpollError('ERR_OPTION', `upstreams.${name}.pattern: '${text}': ${pattern}`);
}
