// A server whose guest may connect to upstreams, over real sockets, with the operator's side played by the test: it says
// where each name leads.

import type { ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { Acceptor } from '../../host/listen/acceptor.ts';
import { Listener } from '../../host/listen/listener.ts';
import { ListenerTable } from '../../host/listen/peer/listener-table.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { type Policy, resolvePolicy } from '../../host/policy.ts';
import {
  type Ending,
  type Engine,
  type EngineObserver,
  makeCommon,
} from '../../host/threads/engine.ts';
import { InThread } from '../../host/threads/in-thread.ts';
import { SharedLoop } from '../../host/threads/shared-loop.ts';
import { Supervisor } from '../../host/threads/supervisor.ts';
import type {
  DialFailure,
  DialRequest,
  Resolved,
  Upstreams,
} from '../../host/upstreams/contract.ts';
import { type CountBuffers, UpstreamCounts } from '../../host/upstreams/counts.ts';
import { Dialer } from '../../host/upstreams/dialer.ts';

export interface PlayedUpstream {
  readonly name: string;
  readonly max?: number;
  readonly timeoutMs?: number;
  readonly patterns?: Upstreams['share']['upstreams'][number]['patterns'];
  /** Where it leads. */
  readonly resolve: (added: string) => Resolved | Promise<Resolved>;
  readonly header?: (request: DialRequest) => Uint8Array;
}

export interface Outward {
  readonly address: string;
  readonly engine: Engine;
  readonly counts: UpstreamCounts;
  /** Lines that guests have logged. */
  readonly logs: string[];
  readonly endings: Ending[];
  readonly outcomes: (DialFailure | 'connected' | 'cancelled')[];
  readonly restarts: string[];
  /** Resolves when there are so many lines that contain the text. */
  logged(text: string, times?: number): Promise<void>;
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** Where an address of a listening socket leads. */
export function leadsTo(address: string): Resolved {
  if (address.startsWith('unix:')) return [{ target: 0, path: address.slice(5) }];
  const colon = address.lastIndexOf(':');
  return [{ target: 0, address: address.slice(0, colon), port: Number(address.slice(colon + 1)) }];
}

export async function outward(
  t: ExecutionContext,
  source: Uint8Array,
  upstreams: readonly PlayedUpstream[],
  {
    workers = 0,
    policy: wanted = {},
    config = '',
  }: { workers?: number; policy?: Partial<Policy>; config?: string } = {},
): Promise<Outward> {
  const policy = resolvePolicy({ maxConnections: 256, drainQuietMs: 20, lingerMs: 200, ...wanted });
  const counts = UpstreamCounts.make(SharedArrayBuffer, upstreams.length);
  const outcomes: Outward['outcomes'] = [];
  const played = new Played(upstreams, counts, outcomes);
  const dialer = new Dialer(native, played, policy.keepaliveMs);
  const listeners = ListenerTable.make(SharedArrayBuffer);
  const number = listeners.add({ name: '127.0.0.1:0' });
  const common = makeCommon(native, policy, {
    listeners,
    peers: 0,
    routed: false,
    histograms: false,
    dialer,
  });
  const [logs, endings, restarts]: [string[], Ending[], string[]] = [[], [], []];
  let quiet = (): void => undefined;
  const observer: EngineObserver = {
    open: () => undefined,
    close: (ending) => void endings.push(ending),
    data: () => undefined,
    restart: ({ why }) => void restarts.push(why),
    failure: (error) => void restarts.push(String(error)),
    refused: () => undefined,
    log: (_, text) => void logs.push(text),
    starving: () => undefined,
    quiet: () => quiet(),
  };
  const module = {
    ...(await loadModule(source, policy)),
    config: new TextEncoder().encode(config),
  };
  const engine =
    workers === 0
      ? new InThread(common, module, policy, observer, SharedLoop)
      : await Supervisor.start(common, module, policy, workers, observer);
  engine.observe({ open: true, close: true, data: false });
  engine.admit(policy.maxConnections, 16);
  const listener = new Listener(native, { kind: 'tcp', host: '127.0.0.1', port: 0 }, policy);
  const acceptor = new Acceptor({
    native,
    acceptsPerTurn: 64,
    accepted: (fd, by) => engine.accept(fd, by),
    failed: (error) => restarts.push(error.message),
  });
  acceptor.add(number, listener);
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    acceptor.close();
    const ended = new Promise<void>((resolve) => {
      quiet = resolve;
    });
    engine.abort();
    if (engine.snapshot().connections.open > 0 || workers > 0) await ended;
    await engine.close();
    dialer.close();
    common.shared.release();
  };
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const outward: Outward = {
    address: listener.address,
    engine,
    counts: new UpstreamCounts(counts),
    logs,
    endings,
    outcomes,
    restarts,
    logged: (text, times = 1) =>
      until(() => logs.filter((line) => line.includes(text)).length >= times),
    until,
    close: () => (closing ??= close()),
  };
  t.teardown(() => outward.close());
  return outward;
}

class Played implements Upstreams {
  readonly share: Upstreams['share'];
  readonly #upstreams: readonly PlayedUpstream[];
  readonly #outcomes: Outward['outcomes'];

  constructor(
    upstreams: readonly PlayedUpstream[],
    counts: CountBuffers,
    outcomes: Outward['outcomes'],
  ) {
    this.#upstreams = upstreams;
    this.#outcomes = outcomes;
    this.share = {
      counts,
      upstreams: upstreams.map(({ name, patterns = [], max = 1000, header }) => ({
        name,
        patterns,
        max,
        proxied: header !== undefined,
      })),
    };
  }

  connectTimeoutMs(upstream: number): number {
    return this.#upstreams[upstream]!.timeoutMs ?? 30_000;
  }

  resolve(upstream: number, added: string): Resolved | Promise<Resolved> {
    return this.#upstreams[upstream]!.resolve(added);
  }

  header(upstream: number, request: DialRequest): Uint8Array | null {
    return this.#upstreams[upstream]!.header?.(request) ?? null;
  }

  secure(): null {
    return null;
  }

  drop(): void {}
  tried(): void {}
  dialing(): void {}

  dialed(_: number, outcome: DialFailure | 'connected' | 'cancelled'): void {
    this.#outcomes.push(outcome);
  }
}
