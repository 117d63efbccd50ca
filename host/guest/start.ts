// Start: an instance is started on its ground, which is the same for each that follows it. It knows what
// has to be there, and not what an instance is for.

import { Clock } from '../kernel/clock.ts';
import { type ControlWords, IN_START_UP, START_UP } from '../memory/control-words.ts';
import { Stats } from '../memory/counts/stats.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { CallRecord } from './call-record.ts';
import { Guest } from './guest.ts';
import type { Environment } from './guest-host.ts';
import type { Recorder } from './recording/recorder.ts';

export type { Guest } from './guest.ts';

/** What an instance is started with besides its module. */
export interface Ground {
  readonly policy: Policy;
  readonly control: ControlWords;
  readonly environment: Environment;
  /** Where it is noted what callbacks are given; null if nobody wants to know. */
  readonly record: CallRecord | null;
  /** Notes all that instances are given; null if nobody wants to know. */
  readonly recorder: Recorder | null;
}

/** What ground is made from. */
export interface GroundOptions {
  readonly policy: Policy;
  readonly control: ControlWords;
  /** Takes a line of the guest's, with one of LOG_…; false when it was dropped. */
  readonly observer: { log(level: number, text: string): boolean };
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970; the system's when not given. */
  readonly wallNow?: () => number;
  /** Fills at most 64 KiB; with bytes fit for keys when not given. */
  readonly random?: (bytes: Uint8Array) => void;
  readonly record?: CallRecord | null;
  readonly recorder?: Recorder | null;
}

export function makeGround({
  policy,
  control,
  observer,
  now,
  wallNow,
  random,
  record,
  recorder,
}: GroundOptions): Ground {
  const stats = new Stats(control.counts);
  const environment: Environment = {
    clock: new Clock(now, wallNow ?? Date.now),
    random: random ?? ((bytes) => void crypto.getRandomValues(bytes)),
    log: (level, text) => {
      if (!observer.log(level, text)) stats.logDropped();
    },
  };
  return { policy, control, environment, record: record ?? null, recorder: recorder ?? null };
}

/** Starts an instance; as long as that takes the worker counts as inside the guest. */
export function startGuest(module: GuestModule, ground: Ground): Guest {
  const { policy, control, environment, record, recorder } = ground;
  control.enter(IN_START_UP, START_UP);
  try {
    const session = recorder?.begin(environment.clock);
    const guest = new Guest(module, policy, session?.noting(environment) ?? environment);
    record?.follow(guest, module, environment.clock);
    session?.follow(guest, policy.receiveWindowBytes);
    return guest;
  } finally {
    control.leave();
  }
}
