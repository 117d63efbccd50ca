// Outside: the engines of a server whose topics or keys live outside this process, put together with its own
// seat, and where its guest may connect to. A server without either has none of this.

import { randomBytes } from 'node:crypto';
import type { BusEngine, Engine, Performer } from '../engines/contract.ts';
import { openStore, openTopics } from '../engines/open.ts';
import { type EnginesStats, NO_ENGINES, PROCESS_BYTES, Router } from '../engines/router.ts';
import { loopTimers } from '../engines/timers.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Native } from '../kernel/native.ts';
import type { Policy } from '../policy.ts';
import type { Shared } from '../shared/contract.ts';
import type { Member } from '../shared/member/member.ts';
import { Dialer } from '../upstreams/dialer.ts';
import {
  type Contexts,
  type Operator,
  openOperator,
  setUpstreams,
  type UpstreamsStats,
} from '../upstreams/system.ts';
import { type Logger, silent, withFields } from './logger.ts';
import type { ServeOptions } from './options.ts';

export type { EnginesStats } from '../engines/router.ts';
export type { UpstreamsStats } from '../upstreams/system.ts';

type UpstreamsOption = NonNullable<ServeOptions['upstreams']>;

export class Outside {
  readonly #store: Engine<Performer> | null;
  readonly #bus: Engine<BusEngine> | null;
  readonly #policy: Policy;
  readonly #logger: Logger;
  readonly #operator: Operator;
  readonly #contexts: Contexts;
  #dialer: Dialer | null = null;
  #router: Router | null = null;

  private constructor(
    store: Engine<Performer> | null,
    bus: Engine<BusEngine> | null,
    policy: Policy,
    logger: Logger,
    contexts: Contexts,
    admit: () => boolean,
  ) {
    const { info, warn } = withFields(logger, {});
    this.#operator = openOperator(contexts, { info, warn, admit });
    this.#contexts = contexts;
    this.#logger = logger;
    this.#store = store;
    this.#bus = bus;
    this.#policy = policy;
  }

  /**
   * Loads what the addresses name; nothing is connected yet.
   * @param contexts where the upstreams' certificates are kept
   * @param admit whether one more line may be written of those that others can bring about
   * @throws WasmpollError ERR_OPTION or ERR_TLS
   */
  static async load(
    options: Pick<ServeOptions, 'store' | 'topics' | 'upstreams' | 'logger'>,
    policy: Policy,
    contexts: Contexts,
    admit: () => boolean,
  ): Promise<Outside> {
    const { store, topics, upstreams = {}, logger = silent } = options;
    const outside = new Outside(
      store === undefined ? null : await openStore(store, policy, logger),
      topics === undefined ? null : await openTopics(topics, policy, logger),
      policy,
      logger,
      contexts,
      admit,
    );
    outside.#setUpstreams(upstreams, 'serve(): upstreams');
    return outside;
  }

  #setUpstreams(upstreams: UpstreamsOption, called: string): void {
    setUpstreams(this.#operator, upstreams, called, this.#contexts, this.#logger);
  }

  /**
   * Guests may connect to these from now on, and to nothing else.
   * @returns what threads are to be told
   * @throws WasmpollError ERR_OPTION or ERR_TLS, a SystemError when there is no descriptor left; nothing has changed then
   */
  setUpstreams(upstreams: UpstreamsOption): Operator['share'] {
    if (Object.keys(upstreams).length > 0) this.#dialer?.open();
    this.#setUpstreams(upstreams, 'setUpstreams(): upstreams');
    this.#dialer?.directory.update(this.#operator.share);
    return this.#operator.share;
  }

  /** Requests to the store are seen to by an engine. */
  get hasStore(): boolean {
    return this.#store !== null;
  }

  get stats(): EnginesStats {
    return this.#router?.stats ?? NO_ENGINES;
  }

  /**
   * Who connects to upstreams.
   * @throws a SystemError when there is no descriptor left
   */
  openDialer(native: Native): Dialer {
    this.#dialer = new Dialer(native, this.#operator, this.#policy.keepaliveMs);
    return this.#dialer;
  }

  get upstreams(): UpstreamsStats {
    return this.#operator.stats;
  }

  /**
   * Resolves when the first attempts to reach the engines are over, whatever came of them.
   * @param member the server's own, which then sees to what is routed; asked for if there are engines
   * @throws WasmpollError ERR_OPTION when a file cannot be used
   */
  async start(shared: Shared, member: () => Member): Promise<void> {
    if (this.#store === null && this.#bus === null) return;
    const router = new Router({
      store: this.#store,
      bus: this.#bus,
      shared,
      own: member(),
      bounds: this.#policy,
      process: randomBytes(PROCESS_BYTES),
      timers: loopTimers,
    });
    this.#router = router;
    try {
      await router.start();
    } catch (error) {
      const why = `store: cannot use ${this.#store?.name ?? ''}: ${messageOf(error)}`;
      throw new WasmpollError('ERR_OPTION', why, { cause: error });
    }
  }

  /**
   * Resolves when what was asked is answered, and the engines are closed; after graceMs in any case, when what is
   * not answered is in doubt. Idempotent.
   */
  async close(): Promise<void> {
    this.#dialer?.close();
    this.#dialer = null;
    const { graceMs } = this.#policy;
    if ((await this.#router?.close(graceMs)) !== false) return;
    const engine = this.#store?.name ?? this.#bus?.name;
    const what = this.#store === null ? 'topics' : 'store';
    const why = `${what}: not closed within graceMs; what it has not answered may have happened`;
    this.#logger.warn({ engine, graceMs }, why);
  }
}
