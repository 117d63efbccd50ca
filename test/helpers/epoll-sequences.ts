// Seeded random sequences of operations for both interpreters. Knows what may be compared: nothing
// here blocks for ever, depends on time, or is one of the intended differences.

import * as numbers from '../../host/epoll/epoll.ts';
import type { Json, Operation } from './epoll-interpreter.ts';

/**
 * Where the descriptors lie: any operation takes the first sort; the others are handled with care.
 */
const ANY = 300;
const TCP = 400;
const GUARD = 500;

/** More numbers than this are not picked from, so that they meet again. */
const MOST_NUMBERS = 14;

/** How many descriptors an operation makes. */
const CREATED: Readonly<Record<string, number>> = {
  fromfd: 1,
  pipe: 2,
  socketpair: 2,
  file: 1,
  dup: 1,
};

/** Its set has a number that the two sides do not share, and so is not put into others. */
const LAST_SLOT = 3;

const BITS = Object.entries(numbers).flatMap(([name, value]) =>
  /^EPOLL[A-Z]+$/.test(name) && typeof value === 'number' ? [value] : [],
);

const AT_ONCE: Json[] = [0, { float: '-0.0' }, -0.0005, -1e-9, 0.0004, 0.001, 1e-12];
const WITH_EVENTS: Json[] = [
  null,
  -1,
  -0.001,
  -0.0009999999999,
  -5,
  1e6,
  2147483.647,
  -2147483.648,
];
const NO_TIMEOUTS: Json[] = [2147483.648, 1e300, -1e300, 'x', [], ...floats('NaN', 'Infinity')];
const COUNTS: Json[] = [-1, 1, 2, 3, 7, 1023, 5000];
const NO_COUNTS: Json[] = [0, -2, 2 ** 31, -(2 ** 31) - 1, 'x', null];
const NO_DESCRIPTORS: Json[] = [-1, -7, 2 ** 31, 'x', null, { fileno: -1 }, { fileno: 'x' }];
const SIZES: Json[] = [-1, 1, 1024];
const NO_SIZES: Json[] = [0, -2, 2 ** 31, 'x', null];
const NO_MASKS: Json[] = ['x', null, []];
const LENGTHS = [0, 1, 7, 8, 8, 8, 100, 4096, 200_000];

function floats(...texts: string[]): Json[] {
  return texts.map((float) => ({ float }));
}

/** The sequence of a seed; the same seed gives the same one for ever. */
export function sequenceOf(seed: number): Operation[] {
  return new Generator(seed).sequence();
}

class Generator {
  readonly #operations: Operation[] = [];
  /** TCP connections of which both ends are open, and ends that are left alone. */
  #connections: [number, number][] = [];
  #ends: number[] = [];
  #nextTcp = TCP;
  /** About how many descriptors there are that any operation may be done to. */
  #numbers = 0;
  readonly #slots = [0, 0];
  readonly #registered: [slot: number, fd: Json][] = [];
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  sequence(): Operation[] {
    this.#add('fromfd', 0, ANY);
    if (this.#below(3) === 0) this.#create(1);
    if (this.#below(3) === 0) this.#create(LAST_SLOT);
    for (let more = 1 + this.#below(4); more > 0; more -= 1) this.#pick(this.#open)();
    const length = 20 + this.#below(30);
    while (this.#operations.length < length) this.#pick(this.#steps)();
    this.#add('call', 0, 'poll', 0);
    return this.#operations;
  }

  readonly #open = [
    () => this.#add('pipe', ANY),
    () => this.#add('socketpair', ANY),
    () => this.#add('socketpair', ANY),
    () => this.#add('eventfd', ANY, this.#below(3)),
    () => this.#add('file', ANY),
    () => this.#add('dup', this.#number(), ANY),
    () => this.#duplicateTo(),
    () => this.#connect(),
  ];

  readonly #use = [
    () => this.#add('close', this.#number()),
    () => this.#add('read', this.#number(), 1 + this.#below(5000)),
    () => this.#add('read', this.#number(), 8),
    () => this.#add('write', this.#number(), this.#pick(LENGTHS)),
    () => this.#add('write', this.#number(), 8),
    () => this.#add('shutdown', this.#number(), this.#below(3)),
    () => this.#useConnection(),
  ];

  readonly #register = () => {
    const [slot, fd] = [this.#slot(), this.#descriptor()];
    this.#add('call', slot, 'register', fd, ...this.#masks(true));
    this.#registered.push([slot, fd]);
  };

  readonly #control = [
    this.#register,
    this.#register,
    this.#register,
    () => this.#add('call', ...this.#known('modify'), ...this.#masks(false)),
    () => this.#add('call', ...this.#known('unregister')),
    () => this.#nest(),
  ];

  readonly #wait = [
    () => this.#add('call', this.#slot(), 'poll', this.#pick(AT_ONCE), ...this.#counts()),
    () => this.#add('call', this.#slot(), 'poll', 0),
    () => this.#guarded(),
  ];

  readonly #sets = [
    () => this.#create(this.#below(LAST_SLOT)),
    () => this.#create(this.#below(LAST_SLOT)),
    () => this.#create(LAST_SLOT),
    () => this.#add('epoll', LAST_SLOT, this.#pick(NO_SIZES)),
    () => this.#add('adopt', this.#below(LAST_SLOT), this.#number()),
    () => this.#add('call', this.#slot(), 'close'),
    () => this.#add('closed', this.#slot()),
    () => this.#add('drop', this.#slot()),
  ];

  readonly #steps = [
    () => this.#pick(this.#open)(),
    () => this.#pick(this.#open)(),
    () => this.#pick(this.#use)(),
    () => this.#pick(this.#use)(),
    () => this.#pick(this.#control)(),
    () => this.#pick(this.#control)(),
    () => this.#pick(this.#control)(),
    () => this.#pick(this.#wait)(),
    () => this.#pick(this.#wait)(),
    () => (this.#below(3) === 0 ? this.#pick(this.#sets)() : this.#register()),
  ];

  #add(...operation: [string, ...Json[]]): void {
    this.#operations.push(operation);
    this.#numbers += CREATED[operation[0]] ?? 0;
  }

  #create(slot: number): void {
    if (slot === LAST_SLOT) this.#add('epoll', slot, this.#pick(SIZES));
    else this.#add('fromfd', slot, ANY);
    this.#slots.push(slot);
  }

  #duplicateTo(): void {
    const [fd, target] = [this.#number(), this.#number()];
    // dup3(2), which CPython uses, takes equal numbers for a mistake, and dup2(2) does not.
    if (fd !== target) this.#add('dup2', fd, target);
  }

  #nest(): void {
    const method = this.#pick(['register', 'modify', 'unregister']);
    const inner = this.#below(LAST_SLOT);
    const masks = method === 'unregister' ? [] : this.#masks(method === 'register');
    this.#add('nest', this.#slot(), method, inner, ...masks);
  }

  /** A poll that may wait for ever, and an event that ends it at once. */
  #guarded(): void {
    const slot = this.#slot();
    this.#add('eventfd', GUARD, 1);
    this.#add('call', slot, 'register', GUARD, numbers.EPOLLIN);
    const timeout = this.#below(4) === 0 ? this.#pick(NO_TIMEOUTS) : this.#pick(WITH_EVENTS);
    this.#add('call', slot, 'poll', timeout, ...this.#counts());
    this.#add('call', slot, 'unregister', GUARD);
    this.#add('close', GUARD);
  }

  #connect(): void {
    this.#add('tcp', this.#nextTcp);
    this.#connections.push([this.#nextTcp, this.#nextTcp + 1]);
    this.#nextTcp += 2;
  }

  /** TCP delivers late on a busy machine: each step waits for its effect. */
  #useConnection(): void {
    if (this.#connections.length === 0) this.#connect();
    const index = this.#below(this.#connections.length);
    const [one, other] = this.#below(2) === 0 ? [0, 1] : [1, 0];
    const ends = this.#connections[index]!;
    const [near, far] = [ends[one]!, ends[other]!];
    switch (this.#below(5)) {
      case 0:
        this.#add('close', near);
        this.#add('settle', far, numbers.EPOLLRDHUP);
        this.#part(index, far);
        break;
      case 1:
        this.#add('reset', near);
        this.#add('settle', far, numbers.EPOLLHUP);
        this.#part(index, far);
        break;
      case 2:
        this.#add('read', near, 1 + this.#below(2000));
        break;
      default:
        this.#add('write', near, 1 + this.#below(1000));
        this.#add('settle', far, numbers.EPOLLIN);
    }
  }

  #part(index: number, left: number): void {
    this.#connections.splice(index, 1);
    this.#ends.push(left);
  }

  #slot(): number {
    return this.#pick(this.#slots);
  }

  /** An open or closed number that any operation may be done to. */
  #number(): number {
    return ANY + this.#below(Math.min(MOST_NUMBERS, this.#numbers + 1));
  }

  /** An argument that names a descriptor. */
  #descriptor(): Json {
    if (this.#below(30) === 0) return this.#pick(NO_DESCRIPTORS);
    const tcp = [...this.#connections.flat(), ...this.#ends];
    const number = tcp.length > 0 && this.#below(4) === 0 ? this.#pick(tcp) : this.#number();
    return this.#below(8) === 0 ? { fileno: number } : number;
  }

  /** Mostly of a descriptor that somebody tried to register. */
  #known(method: string): [slot: number, method: string, fd: Json] {
    if (this.#registered.length === 0 || this.#below(4) === 0) {
      return [this.#slot(), method, this.#descriptor()];
    }
    const [slot, fd] = this.#pick(this.#registered);
    return [slot, method, fd];
  }

  #masks(isOptional: boolean): Json[] {
    const kind = this.#below(20);
    if (kind === 0 && isOptional) return [];
    if (kind === 1) return [this.#pick(NO_MASKS)];
    if (kind === 2) return [this.#below(2 ** 32)];
    if (kind === 3) return [0];
    let mask = this.#pick([numbers.EPOLLIN, numbers.EPOLLOUT, numbers.EPOLLIN | numbers.EPOLLOUT]);
    for (let more = this.#below(4); more > 0; more -= 1) mask |= this.#pick(BITS);
    return [this.#below(2) === 0 ? mask : mask >>> 0];
  }

  #counts(): Json[] {
    const kind = this.#below(8);
    if (kind < 3) return [];
    return [kind === 3 ? this.#pick(NO_COUNTS) : this.#pick(COUNTS)];
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#below(values.length)]!;
  }

  /** Mulberry32: small, and the same everywhere. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * limit);
  }
}
