// Outside: the engines of a server whose topics or keys live outside this process, put together with its own
// seat. A server without engines has none of this.

import type { BusEngine, Engine, StoreEngine } from '../engines/contract.ts';
import { openStore, openTopics } from '../engines/open.ts';
import { Router, type StoreStats, type TopicsStats } from '../engines/router.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Policy } from '../policy.ts';
import type { Shared } from '../shared/contract.ts';
import type { Member } from '../shared/member/member.ts';
import { OWN_SEAT } from '../shared/seats.ts';
import { silent } from './logger.ts';
import type { ServeOptions } from './options.ts';

/** How the engines are doing; null for those that a server does not have. */
export interface EnginesStats {
  /** Whether each engine can be used now. True when there are none. */
  readonly ready: boolean;
  readonly store: StoreStats | null;
  readonly topics: TopicsStats | null;
}

export class Outside {
  readonly #store: Engine<StoreEngine> | null;
  readonly #bus: Engine<BusEngine> | null;
  readonly #policy: Policy;
  #router: Router | null = null;

  private constructor(
    store: Engine<StoreEngine> | null,
    bus: Engine<BusEngine> | null,
    policy: Policy,
  ) {
    this.#store = store;
    this.#bus = bus;
    this.#policy = policy;
  }

  /**
   * Loads what the addresses name; nothing is connected yet.
   * @throws WasmpollError ERR_OPTION
   */
  static async load(
    { store, topics, logger = silent }: Pick<ServeOptions, 'store' | 'topics' | 'logger'>,
    policy: Policy,
  ): Promise<Outside> {
    return new Outside(
      store === undefined ? null : await openStore(store, policy, logger),
      topics === undefined ? null : await openTopics(topics, policy, logger),
      policy,
    );
  }

  /** Requests to the store are seen to by an engine. */
  get hasStore(): boolean {
    return this.#store !== null;
  }

  get stats(): EnginesStats {
    const { ready = true, store = null, topics = null } = this.#router ?? {};
    return { ready, store, topics };
  }

  /**
   * Resolves when the first attempts to reach the engines are over, whatever came of them.
   * @param member the server's own, which then sees to what is routed; asked for if there are engines
   * @throws WasmpollError ERR_OPTION when a file cannot be used
   */
  async start(shared: Shared, member: () => Member): Promise<void> {
    if (this.#store === null && this.#bus === null) return;
    const reply: Shared['reply'] = (...answer) => shared.reply(...answer);
    const own = member();
    const router = new Router(this.#store, this.#bus, reply, own, this.#policy);
    this.#router = router;
    own.route((record) => router.record(record));
    if (this.#store !== null) shared.routeStore(OWN_SEAT);
    if (this.#bus !== null) shared.routePublishes(OWN_SEAT);
    try {
      await router.start();
    } catch (error) {
      const why = `store: cannot use ${this.#store?.name ?? ''}: ${messageOf(error)}`;
      throw new WasmpollError('ERR_OPTION', why, { cause: error });
    }
  }

  /** Resolves when what was asked is answered, and the engines are closed. Idempotent. */
  async close(): Promise<void> {
    await this.#router?.close();
  }
}
