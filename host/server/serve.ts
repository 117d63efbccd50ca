// Serve: starts a server, and undoes what it has begun when it cannot. It puts the parts together, and
// does nothing afterwards.

import { native } from '../kernel/native.ts';
import { fitDescriptors, waitingPossible } from '../listen/capacity.ts';
import { openListening } from '../listen/open.ts';
import { parseAll } from '../listen/plan.ts';
import { loadProtocol } from '../module/source.ts';
import { type Policy, resolvePolicy } from '../policy.ts';
import { type Engine, makeCommon } from '../threads/engine.ts';
import { InThread } from '../threads/in-thread.ts';
import { OwnLoop } from '../threads/own-loop.ts';
import { SharedLoop } from '../threads/shared-loop.ts';
import { Supervisor } from '../threads/supervisor.ts';
import { securePolicy } from '../tls/contexts.ts';
import { ServerLog } from './events.ts';
import { checkOptions, configOf, type ServeOptions, workersOf } from './options.ts';
import { Outside } from './outside.ts';
import { OWN_SEAT_DESCRIPTORS, OwnSeat } from './own-seat.ts';
import { Server } from './server.ts';

// Its epoll, and the duplicate that the event loop watches.
const ACCEPTOR_DESCRIPTORS = 2;
const LATER_DESCRIPTORS = ACCEPTOR_DESCRIPTORS + OWN_SEAT_DESCRIPTORS;

/**
 * Loads the protocol, starts its guest and listens. All of that has succeeded when it resolves.
 * @throws WasmpollError with ERR_OPTION, ERR_POLICY, ERR_ADDRESS, ERR_TLS, ERR_MODULE or ERR_GUEST; an Error
 *   in Node's form when the system refuses (`listen EADDRINUSE: …`); the signal's reason
 */
export const serve = (options: ServeOptions): Promise<Server> => start(options, SharedLoop);

/** As `serve`, in a process that is there for this server: its event loop may be taken over. */
export const serveAlone = (options: ServeOptions): Promise<Server> => start(options, OwnLoop);

async function start(
  options: ServeOptions,
  Driver: typeof SharedLoop | typeof OwnLoop,
): Promise<Server> {
  checkOptions(options);
  const { signal } = options;
  const wanted = resolvePolicy(options.policy);
  // Tables are made for no more than can come.
  const fitting = { ...wanted, maxConnections: fitDescriptors(native, wanted.maxConnections) };
  const specs = parseAll(options.listen);
  // Listeners with TLS may come later, and the window cannot grow then.
  const policy = securePolicy(fitting);
  const { crashFolder, recordFolder } = options;
  const log = new ServerLog(policy, options.logger, options.logData);
  await log.keepCrashes(crashFolder, recordFolder);
  const listening = openListening(native, policy, log, specs);
  signal?.throwIfAborted();
  const listen = await listening.prepare(options.listen);
  signal?.throwIfAborted();
  const config = configOf(options);
  const module = { ...(await loadProtocol(options.protocol, policy)), config };
  signal?.throwIfAborted();
  const workers = workersOf(options);
  const outside = await Outside.load(options, policy, listening.contexts, () => log.admit());
  signal?.throwIfAborted();
  const routed = outside.hasStore;
  const { histograms = false } = options;
  const { table: listeners, peers, tls } = listening;
  const recordings = recordFolder !== undefined;
  const records = recordings || crashFolder !== undefined;
  let own: OwnSeat | null = null;
  let engine: Engine | null = null;
  try {
    const dialer = outside.openDialer(native);
    const shares = { listeners, peers, routed, histograms, tls, records, recordings, dialer };
    const common = makeCommon(native, policy, shares);
    own = new OwnSeat(common, policy, log, outside);
    await unlessAborted(signal, own.start());
    signal?.throwIfAborted();
    engine =
      workers === 0
        ? new InThread(common, module, policy, log, Driver)
        : await Supervisor.start(common, module, policy, workers, log);
    signal?.throwIfAborted();
    listen();
    admit(engine, policy, options);
    log.serving(module);
    const server = new Server(engine, own, listening, policy, log, module);
    closeOn(signal, server);
    return server;
  } catch (error) {
    listening.abandon();
    await engine?.close();
    await (own ?? outside).close();
    listening.close();
    throw error;
  }
}

/** Counts what is open once nearly all is, and leaves the rest of the descriptors to connections. */
function admit(engine: Engine, policy: Policy, options: ServeOptions): void {
  const maxConnections = fitDescriptors(native, policy.maxConnections, LATER_DESCRIPTORS);
  engine.admit(maxConnections, waitingPossible(native));
  if (maxConnections >= (options.policy?.maxConnections ?? 0)) return;
  options.logger?.warn({ maxConnections }, 'maxConnections: lowered to the descriptor limit');
}

/** An engine that does not answer takes its time, which a signal does not wait for. */
async function unlessAborted(signal: AbortSignal | undefined, begun: Promise<void>): Promise<void> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason);
  });
  signal?.addEventListener('abort', abort);
  try {
    await Promise.race([begun, aborted]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function closeOn(signal: AbortSignal | undefined, server: Server): void {
  const abort = () => void server.close();
  signal?.addEventListener('abort', abort, { once: true });
  void server.closed.then(() => signal?.removeEventListener('abort', abort));
}
