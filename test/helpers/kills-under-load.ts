// A storm: clients that stream through an echo while its threads hang, or are ended at any moment.
// Every byte is compared. It knows what was lost, and how long it took to go on.

import type { Worker } from 'node:worker_threads';
import { type Server, serve } from '../../host/index.ts';
import type { TlsOptions } from '../../host/tls/options.ts';
import { difference, pattern, random } from './bytes.ts';
import { type Client, connect } from './client.ts';
import { hazard } from './hang-or-trap-guest.ts';

export interface StormOptions {
  readonly rounds: number;
  /** `end`: the thread is terminated from outside; `hang`: a guest does not return. */
  readonly kind: 'end' | 'hang';
  readonly clients: number;
  readonly seed: number;
  readonly workers?: number;
  readonly callbackTimeoutMs?: number;
  /** The streams go by TLS. */
  readonly tls?: TlsOptions;
  /** What else happens in each round, just before a thread is lost; it may be going on then. */
  readonly beside?: (server: Server, round: number) => Promise<void>;
}

export interface StormReport {
  readonly rounds: number;
  /** Streams that were reset. */
  readonly lost: number;
  readonly bytes: number;
  /** Milliseconds from the end of the thread, or the hang, to the restart that was told. */
  readonly detectedMs: number[];
  /** From then until a stream made progress again. */
  readonly resumedMs: number[];
  readonly faults: string[];
  readonly stats: ReturnType<Server['stats']>;
}

const once = <T>(server: Server, event: 'restart'): Promise<T> =>
  new Promise((resolve) => server.once(event, resolve as () => void));

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function storm(options: StormOptions): Promise<StormReport> {
  const { rounds, kind, seed, workers = 1, callbackTimeoutMs = 500 } = options;
  const threads = new Set<Worker>();
  const listen = '127.0.0.1:0';
  const noted = (worker: Worker): void => {
    // One is kept ready, and serves nobody until it is needed.
    worker.on('message', (message: { kind?: unknown }) => {
      if (message.kind === 'ready') threads.add(worker);
    });
    worker.once('exit', () => threads.delete(worker));
  };
  process.on('worker', noted);
  const server = await serve({
    protocol: hazard(),
    listen: [options.tls === undefined ? listen : { address: listen, tls: options.tls }],
    workers,
    policy: { callbackTimeoutMs, drainQuietMs: 0, graceMs: 2000, lingerMs: 200 },
  });
  const address = server.addresses[0]!;
  const open = (): Promise<Client> =>
    connect(address, options.tls === undefined ? {} : { secure: {} });
  const [faults, detectedMs, resumedMs]: [string[], number[], number[]] = [[], [], []];
  let [running, lost, bytes, progress] = [true, 0, 0, 0];
  let heard = (): void => undefined;

  async function stream(lane: number): Promise<void> {
    const next = random(seed * 1000 + lane);
    let client: Client | null = null;
    for (let round = 0; running; round += 1) {
      client ??= await open();
      // The first byte is a command to this guest: none of these is one.
      const sent = pattern(1 + Math.floor(next() ** 3 * 300_000), lane * 65_536 + round);
      sent[0] = lane & 7;
      for (let at = 0; at < sent.length; at += 1) if (sent[at]! > 0x3e) sent[at]! &= 0x1f;
      client.send(sent).catch(() => undefined);
      try {
        const got = await client.readExactly(sent.length);
        const wrong = difference(got, sent);
        if (wrong !== '') faults.push(`lane ${lane}, round ${round}: ${wrong}`);
        bytes += got.length;
        progress += 1;
        heard();
      } catch {
        const got = await client.readExactly(client.waiting);
        const wrong = difference(got, sent.subarray(0, got.length));
        if (wrong !== '') faults.push(`lane ${lane}, round ${round}, lost: ${wrong}`);
        lost += 1;
        client.destroy();
        client = null;
      }
    }
    client?.destroy();
  }

  const lanes = Promise.all(Array.from({ length: options.clients }, (_, lane) => stream(lane)));
  const next = random(seed);
  for (let round = 0; round < rounds && faults.length === 0; round += 1) {
    while (server.stats().workers.ready < workers) await pause(1);
    // At no particular moment: in the middle of whatever it does.
    await pause(next() * 12);
    const before = progress;
    while (progress < before + 3) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
    // A thread that ends before its first callback is replaced after a pause: each gets one to do.
    const probe = await open();
    await probe.send('x');
    await probe.readExactly(1);
    const going = options.beside?.(server, round);
    const restart = once<{ reason: string }>(server, 'restart');
    const begun = performance.now();
    let evil: Client | null = null;
    if (kind === 'end') {
      const all = [...threads];
      void all[Math.floor(next() * all.length)]?.terminate();
    } else {
      evil = await open();
      await evil.send('H');
    }
    await restart;
    const told = performance.now();
    detectedMs.push(told - begun);
    const since = progress;
    while (progress === since) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
    resumedMs.push(performance.now() - told);
    // A client of TLS is not told of a reset.
    if (evil !== null && (await evil.closed) === 'end' && options.tls === undefined)
      faults.push('the hung one got a FIN');
    evil?.destroy();
    probe.destroy();
    await going;
  }
  running = false;
  await lanes;
  const stats = server.stats();
  await server.close();
  process.off('worker', noted);
  return { rounds: detectedMs.length, lost, bytes, detectedMs, resumedMs, faults, stats };
}
