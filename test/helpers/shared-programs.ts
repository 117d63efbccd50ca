// Programs of shared state: random calls of some seats, as data, and what each call gave. It knows neither
// what is right nor which implementation it runs.

import fc from 'fast-check';
import type { Shared } from '../../host/shared/contract.ts';
import * as Records from '../../host/shared/records.ts';
import { type Asking, bytesOf, type Event, Seat } from './shared-seats.ts';

/** What a program runs on. */
export interface Subject {
  readonly shared: Shared;
  /** What wakes the seat that is about to be opened. */
  eventFd(seat: number): number;
  /** The seats that were woken since the last call, in ascending order, each as often as it was. */
  woken(): number[];
}

/** Connections and seats are named by small numbers; a run makes handles of them that never come again. */
export type Command =
  | { readonly what: 'commit'; readonly seat: number; readonly askings: readonly Asking[] }
  | { readonly what: 'take'; readonly seat: number; readonly length: number }
  | { readonly what: 'end'; readonly seat: number; readonly connection: number }
  | {
      readonly what: 'adopt';
      readonly seat: number;
      readonly connections: readonly number[];
      readonly served: number;
    }
  | { readonly what: 'poison' | 'close'; readonly seat: number }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'answer'; readonly status: number; readonly value: string };

/** A call as it was made, and its result. */
export type Step =
  | {
      readonly call: 'commit';
      readonly seat: number;
      readonly now: number;
      /** Those that `check` let pass. */
      readonly askings: readonly Asking[];
      readonly checks: readonly number[];
      readonly bits: number;
    }
  | { readonly call: 'take'; readonly seat: number; readonly event: Event }
  | { readonly call: 'end'; readonly seat: number; readonly handle: number }
  | {
      readonly call: 'adopt';
      readonly seat: number;
      readonly handles: readonly number[];
      readonly pending: readonly number[];
      /** How much of the present block was served before. */
      readonly served: number;
      /** What it says after. */
      readonly event: Event;
    }
  | { readonly call: 'poison' | 'close'; readonly seat: number; readonly kind: number }
  | {
      readonly call: 'answer';
      readonly seat: number;
      readonly handle: number;
      readonly tag: number;
      readonly status: number;
      readonly value: string;
    };

export type Observed = Step & {
  readonly woken: readonly number[];
  readonly counts: readonly number[];
};

export const SEATS = 3;
const CONNECTIONS = 4;

export class Run {
  readonly #subject: Subject;
  readonly #seats: Seat[] = [];
  /** Generations of connections, by seat and connection. */
  readonly #generations = new Map<number, number>();
  /** Routed store records that were taken and not answered. */
  readonly #questions: Asking[] = [];
  #now = 0;
  #tag = 0;
  #message = 0;

  constructor(subject: Subject) {
    this.#subject = subject;
    for (let seat = 0; seat < SEATS; seat += 1) this.#open(seat);
  }

  /** Those that have no meaning at this point are passed over. */
  *steps(commands: readonly Command[]): Generator<Observed> {
    for (const command of commands) {
      const step = this.#step(command);
      if (step !== null) yield this.#observed(step);
    }
  }

  /** Takes whatever waits. */
  *drain(): Generator<Observed> {
    for (let seat = 0; seat < SEATS; seat += 1) {
      for (;;) {
        const step = this.#take(seat, undefined);
        yield this.#observed(step);
        if (step.event.kind === 'nothing') break;
      }
    }
  }

  #step(command: Command): Step | null {
    switch (command.what) {
      case 'commit':
        return this.#commit(command.seat, command.askings);
      case 'take':
        return this.#take(command.seat, command.length);
      case 'end': {
        const handle = this.#handle(command.seat, command.connection);
        this.#seats[command.seat]!.shared.leaveAll(handle);
        this.#over(command.seat, command.connection);
        return { call: 'end', seat: command.seat, handle };
      }
      case 'adopt':
        return this.#adopt(command);
      case 'poison': {
        const seat = this.#seats[command.seat]!;
        seat.shared.poison();
        return { call: 'poison', seat: command.seat, kind: seat.block[Records.BLOCK_KIND]! };
      }
      case 'close': {
        const kind = this.#seats[command.seat]!.block[Records.BLOCK_KIND]!;
        this.#subject.shared.close(command.seat);
        for (let at = 0; at < CONNECTIONS; at += 1) this.#over(command.seat, at);
        this.#open(command.seat);
        return { call: 'close', seat: command.seat, kind };
      }
      case 'wait':
        this.#now += command.ms;
        return null;
      case 'answer':
        return this.#answer(command.status, command.value);
    }
  }

  #open(seat: number): void {
    this.#subject.shared.open(seat, this.#subject.eventFd(seat));
    this.#seats[seat] = new Seat(this.#subject.shared.seat(seat));
  }

  #commit(at: number, commands: readonly Asking[]): Step {
    const seat = this.#seats[at]!;
    const askings: Asking[] = [];
    const checks: number[] = [];
    const joins = new Map<number, number>();
    for (const command of commands) {
      const asking = this.#concrete(at, command);
      const { op, handle = 0 } = asking;
      const before = joins.get(handle) ?? 0;
      const status = seat.check(asking, before);
      checks.push(status);
      if (status !== 0) continue;
      askings.push(asking);
      if (op === Records.OP_JOIN) joins.set(handle, before + 1);
    }
    const bits = seat.commit(askings, this.#now);
    return { call: 'commit', seat: at, now: this.#now, askings, checks, bits };
  }

  /** With the handle, a tag that no other record has, and data that no other message has. */
  #concrete(seat: number, asking: Asking): Asking {
    const of = asking.op === Records.OP_DIRECT ? asking.seat! : seat;
    const handle = asking.handle === undefined ? 0 : this.#handle(of, asking.handle);
    this.#tag += 1;
    const isMessage = asking.op === Records.OP_PUBLISH || asking.op === Records.OP_DIRECT;
    if (!isMessage || asking.second === '') return { ...asking, handle, tag: this.#tag };
    this.#message += 1;
    return { ...asking, handle, tag: this.#tag, second: `${this.#message}:${asking.second}` };
  }

  #take(at: number, length: number | undefined): Step & { readonly call: 'take' } {
    const seat = this.#seats[at]!;
    let event = seat.take(length, this.#now);
    while (event.kind === 'more') event = seat.take(length, this.#now);
    if (event.kind === 'records') {
      this.#questions.push(
        ...event.records.filter(({ op }) => op >= Records.OP_GET && op <= Records.OP_ADD),
      );
    }
    return { call: 'take', seat: at, event };
  }

  #adopt({ seat, connections, served }: Command & { readonly what: 'adopt' }): Step {
    const { block } = this.#seats[seat]!;
    const count = block[Records.BLOCK_COUNT]!;
    const done = Math.min(served, count);
    const handles = connections.map((connection) => this.#handle(seat, connection));
    for (let at = 0; at < CONNECTIONS; at += 1) {
      if (!connections.includes(at)) this.#over(seat, at);
    }
    const next = new Seat(this.#subject.shared.seat(seat), block);
    this.#seats[seat] = next;
    block[Records.BLOCK_POSITION] = done;
    const pending = new Int32Array(handles.length);
    next.shared.adopt(Int32Array.from(handles), handles.length, pending);
    return {
      ...{ call: 'adopt', seat, handles, pending: [...pending], served: done },
      event: next.again(),
    };
  }

  #answer(status: number, text: string): Step | null {
    const question = this.#questions.shift();
    if (question === undefined) return null;
    const { seat = 0, handle = 0, tag = 0 } = question;
    const value = status === 0 ? `version!${text}` : '';
    this.#subject.shared.reply(seat, handle, tag, status, bytesOf(value));
    return { call: 'answer', seat, handle, tag, status, value };
  }

  #observed(step: Step): Observed {
    const counts = new Float64Array(Records.COUNTS);
    this.#subject.shared.count(counts);
    return { ...step, woken: this.#subject.woken(), counts: [...counts] };
  }

  /** Some are negative, as handles of many generations are. */
  #handle(seat: number, connection: number): number {
    const generation = this.#generations.get(keyOf(seat, connection)) ?? 0;
    return ((connection & 1) << 31) | (generation << 16) | (connection + 1);
  }

  #over(seat: number, connection: number): void {
    const key = keyOf(seat, connection);
    this.#generations.set(key, (this.#generations.get(key) ?? 0) + 1);
  }
}

/** Programs have fewer connections than this. */
const keyOf = (seat: number, connection: number): number => seat * 0x10000 + connection;

const seats = fc.nat(SEATS - 1);
const connections = fc.nat(CONNECTIONS - 1);
const topics = fc.constantFrom('a', 'b', 'a/b', 'a/c', 'a/b/c', '/', '$s', '$s/a');
const patterns = fc.constantFrom(
  ...['#', '+', 'a/+', 'a/#', '+/b', '+/+', '+/#', 'a/b', 'a', 'a/b/#', '/+', '$s/#', '+/b/+'],
);
const keys = fc.constantFrom('k', 'l', 'key');
const values = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('', '1', '-2.5', '1e3', 'x', '9007199254740991') },
  { weight: 1, arbitrary: fc.nat(120).map((length) => 'v'.repeat(length)) },
);
const fillers = fc.oneof(
  { weight: 4, arbitrary: fc.constant('.') },
  { weight: 1, arbitrary: fc.nat(200).map((length) => '.'.repeat(length + 1)) },
);
const versions = fc.option(fc.bigInt(0n, 6n), { nil: undefined });
const ttls = fc.constantFrom(0, 0, 5, 50);

const joins = fc.oneof(
  fc.record({ op: fc.constant(Records.OP_JOIN), handle: connections, first: topics }),
  fc.record({
    op: fc.constant(Records.OP_JOIN),
    handle: connections,
    first: patterns,
    flags: fc.constant(Records.FLAG_PATTERN),
  }),
);
/** Few topics, so that many share; and joins that are not shared beside them. */
const shares = fc.record({
  op: fc.constantFrom(Records.OP_JOIN, Records.OP_JOIN, Records.OP_LEAVE),
  handle: connections,
  first: fc.constantFrom('s/a', 't/a', 's/#', 't/+/b', 'u/a/#', 's/a/b'),
  flags: fc.constantFrom(5, 5, 5, 7, 1, 3),
});
const leaves = joins.map((joined): Asking => ({ ...joined, op: Records.OP_LEAVE }));
const publishes = fc.record({
  op: fc.constant(Records.OP_PUBLISH),
  handle: connections,
  first: topics,
  second: fc.oneof({ weight: 9, arbitrary: fillers }, { weight: 1, arbitrary: fc.constant('') }),
  flags: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4),
});
const ending = fc.record({
  op: fc.constant(Records.OP_PUBLISH),
  first: topics,
  second: fillers,
  flags: fc.constantFrom(1, 1, 1, 0),
  ttl: fc.constantFrom(1, 5, 20, 20, 50),
});
const directs = fc.record({
  op: fc.constant(Records.OP_DIRECT),
  handle: connections,
  seat: seats,
  first: topics,
  second: fillers,
});
const requests = fc.oneof(
  fc.record({ op: fc.constant(Records.OP_GET), first: keys }),
  fc.record({
    op: fc.constant(Records.OP_ADD),
    first: keys,
    delta: fc.constantFrom(1, -0.5, 2 ** 53),
    ttl: ttls,
  }),
  fc.record({
    op: fc.constant(Records.OP_PUT),
    first: keys,
    second: values,
    expected: versions,
    ttl: ttls,
  }),
  fc.record({ op: fc.constant(Records.OP_DELETE), first: keys, expected: versions }),
);
const asked = fc
  .tuple(requests, fc.option(connections, { nil: undefined, freq: 8 }))
  .map(([{ ...request }, handle]): Asking => {
    const { expected, ...rest } = { expected: undefined, ...request };
    const condition = expected === undefined ? {} : { expected, flags: Records.FLAG_EXPECTED };
    return { ...rest, ...condition, ...(handle === undefined ? {} : { handle }) };
  });

/** How often each kind of record is in a program. */
export interface Weights {
  readonly topics: number;
  readonly gaps: number;
  readonly directs: number;
  readonly requests: number;
  /** Joins that are shared, or quiet; none by default. */
  readonly shares?: number;
  /** Retained messages that are over some time; none by default. */
  readonly ends?: number;
  /** Of calls, not records. */
  readonly poison: number;
  readonly closes: number;
}

function askings(weights: Weights): fc.Arbitrary<Asking> {
  return fc.oneof(
    { weight: 3 * weights.topics, arbitrary: joins },
    { weight: weights.topics, arbitrary: leaves },
    { weight: weights.shares ?? 0, arbitrary: shares },
    { weight: 6 * weights.topics, arbitrary: publishes },
    { weight: weights.ends ?? 0, arbitrary: ending },
    { weight: weights.gaps, arbitrary: fc.constant<Asking>({ op: Records.OP_GAP }) },
    { weight: weights.directs, arbitrary: directs },
    { weight: 6 * weights.requests, arbitrary: asked },
  );
}

const mostly = fc.oneof(
  { weight: 9, arbitrary: fc.constant(1 << 16) },
  { weight: 1, arbitrary: fc.integer({ min: 300, max: 400 }) },
);

/** Programs in which each call may stand anywhere. */
export function programs(weights: Weights, size = 60): fc.Arbitrary<Command[]> {
  const what = <Name extends string>(name: Name) => fc.constant(name);
  const command: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        what: what('commit'),
        seat: seats,
        askings: fc.array(askings(weights), { minLength: 1, maxLength: 5 }),
      }),
    },
    { weight: 8, arbitrary: fc.record({ what: what('take'), seat: seats, length: mostly }) },
    {
      weight: 1,
      arbitrary: fc.record({ what: what('end'), seat: seats, connection: connections }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: what('adopt'),
        seat: seats,
        connections: fc.uniqueArray(connections),
        served: fc.nat(4),
      }),
    },
    { weight: weights.poison, arbitrary: fc.record({ what: what('poison'), seat: seats }) },
    { weight: weights.closes, arbitrary: fc.record({ what: what('close'), seat: seats }) },
    { weight: 1, arbitrary: fc.record({ what: what('wait'), ms: fc.nat(30) }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: what('answer'), status: fc.constantFrom(0, -8), value: values }),
    },
  );
  return fc.array(command, { maxLength: size, size: 'max' });
}

/**
 * Programs with rooms that fill several blocks, and with members who come and go between two of them. Nothing
 * is retained: what one take looks at in vain stays below TAKE_STEPS, which implementations count differently.
 */
export function crowds(size = 40): fc.Arbitrary<Command[]> {
  const name = fc.oneof(
    topics.map((first) => ({ first, flags: 0 })),
    patterns.map((first) => ({ first, flags: Records.FLAG_PATTERN })),
  );
  const members = fc
    .record({
      op: fc.constantFrom(Records.OP_JOIN, Records.OP_JOIN, Records.OP_LEAVE),
      name,
      from: fc.nat(600),
      count: fc.constantFrom(1, 2, 10, 255, 256, 257, 600),
      step: fc.constantFrom(1, 1, 2, 7),
    })
    .map(({ op, name, from, count, step }): Asking[] =>
      Array.from({ length: count }, (_, index) => ({ op, ...name, handle: from + index * step })),
    );
  const published = fc.array(
    publishes.map((asking): Asking => ({ ...asking, flags: asking.flags & Records.FLAG_OTHERS })),
    { minLength: 1, maxLength: 3 },
  );
  const commits = fc.oneof(members, published).chain((askings) =>
    fc.record({
      what: fc.constant('commit' as const),
      seat: fc.nat(1),
      askings: fc.constant(askings),
    }),
  );
  const takes = fc.record({
    ...{ what: fc.constant('take' as const), seat: fc.nat(1), length: fc.constant(1 << 16) },
  });
  return fc.array(fc.oneof(commits, takes), { maxLength: size, size: 'max' });
}
