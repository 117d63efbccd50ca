// What a bench of a protocol consists of: who takes part, and in which cases. It measures nothing itself.

import type { Child } from '../load/child.ts';

/** Prefixes of commands that put a process on its cores. */
export interface Pins {
  readonly server: readonly string[];
  readonly load: readonly string[];
}

/** One that runs. */
export interface Running {
  readonly child: Child;
  readonly port: number;
}

export interface Contender {
  readonly title: string;
  /** Null, or what is missing. */
  missing(): Promise<string | null>;
  start(pins: Pins): Promise<Running>;
}

/** What one contender did in one round of a case. */
export interface Sample {
  /** Nanoseconds of processor time, of all threads of the server, for one command or message. */
  readonly processorNs: number;
  /** Commands or messages a second. */
  readonly rate: number;
}

export interface Case {
  readonly title: string;
  measure(running: Running, pins: Pins): Promise<Sample>;
}

export interface Suite {
  readonly name: string;
  /** What one of its figures is about: `command`, `message`. */
  readonly unit: string;
  /** The first one is the reference: all others are divided by it, round by round. */
  readonly contenders: readonly Contender[];
  readonly cases: readonly Case[];
  /** How much processor time of the reference the second contender may take, at most. */
  readonly mostTimes: number;
}
