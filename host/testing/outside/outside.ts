// Outside: a test's engines, put together with the program's own seat as server/outside.ts does it with those of a
// server. It decides nothing.

import { type EnginesStats, NO_ENGINES, PROCESS_BYTES, Router } from '../../engines/router.ts';
import type { Policy } from '../../policy.ts';
import type { Shared } from '../../shared/contract.ts';
import type { Member } from '../../shared/member/member.ts';
import type { Ground } from './links.ts';
import type { TestBus } from './test-bus.ts';
import type { TestStore } from './test-store.ts';

export type { EnginesStats } from '../../engines/router.ts';

/** Where topics and keys live beyond the harness; undefined for what stays in it. */
export interface Engines {
  readonly store: TestStore | undefined;
  readonly topics: TestBus | undefined;
}

export class Outside {
  readonly #router: Router | null = null;

  constructor(
    { store, topics }: Engines,
    policy: Policy,
    about: Pick<Ground, 'harness' | 'timers' | 'settle'>,
    shared: Shared,
    own: Member,
  ) {
    if (store === undefined && topics === undefined) return;
    const ground = { ...policy, ...about };
    const bus = topics?.link(ground);
    const id = new Uint8Array(PROCESS_BYTES);
    new DataView(id.buffer).setInt32(0, bus?.number ?? 0);
    this.#router = new Router({
      store: store === undefined ? null : { name: 'test', engine: store.link(ground) },
      bus: bus === undefined ? null : { name: 'test', engine: bus.engine },
      shared,
      own,
      bounds: policy,
      process: id,
      timers: about.timers,
    });
    // Nothing of a test's has to be waited for.
    void this.#router.start();
  }

  get stats(): EnginesStats {
    return this.#router?.stats ?? NO_ENGINES;
  }
}
