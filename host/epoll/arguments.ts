// Arguments of the epoll and socket functions become checked values here, before any system call.
// Knows types and ranges; must not know what the values are for.

/** C's int, which descriptors, timeouts and counts are. */
export const INT_MAX = 2 ** 31 - 1;
const INT_MIN = -(2 ** 31);
const UINT_MAX = 2 ** 32 - 1;

const NANOSECONDS_PER_SECOND = 1e9;
const NANOSECONDS_PER_MS = 1e6;

/**
 * A descriptor: a non-negative integer; or what has one, as Python's `fileno()` or as the `fd` of
 * Node's FileHandle. If an object has both, `fileno()` counts.
 */
export type FileDescriptor = number | { fileno(): number } | { readonly fd: number };

/** @throws TypeError ERR_INVALID_ARG_TYPE, with what `fileno()` threw as its cause; RangeError */
export function toDescriptor(value: unknown): number {
  if (typeof value === 'number') return toInteger(value, 'fd', 0, INT_MAX);
  if (!isObject(value)) {
    throw wrongType('fd', 'a number, or an object with fileno() or fd', value);
  }
  const [number, name] = held(value);
  return toInteger(number, name, 0, INT_MAX);
}

function held(holder: object): [number: unknown, name: string] {
  return guarded('fd: the object', () => {
    const fileno: unknown = Reflect.get(holder, 'fileno');
    if (typeof fileno === 'function') return [Reflect.apply(fileno, holder, []), 'fileno()'];
    return [Reflect.get(holder, 'fd'), 'fd of the object'];
  });
}

/** Runs a caller's code: what it throws becomes the cause of a TypeError. */
function guarded<Value>(name: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw typeError(`${name} threw an error`, { cause });
  }
}

/**
 * An integer from `low` to `high`. −0 is none, as Python's -0.0 is not.
 * @throws TypeError, RangeError
 */
export function toInteger(value: unknown, name: string, low: number, high: number): number {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!Number.isInteger(value) || Object.is(value, -0) || value < low || value > high) {
    throw rangeError(`${name} must be an integer from ${low} to ${high}, got ${show(value)}`);
  }
  return value;
}

/**
 * A mask as u32. `|` makes EPOLLET's bit the sign, so a negative int32 is taken too if each of its
 * bits is one of `named`; that rules out −1 and what a forgotten `~` makes.
 * @throws TypeError, RangeError
 */
export function toMask(value: unknown, named: number): number {
  if (typeof value === 'number' && value < 0 && value >= INT_MIN && Number.isInteger(value)) {
    if ((value & ~named) === 0) return value >>> 0;
  }
  return toInteger(value, 'eventmask', 0, UINT_MAX);
}

/**
 * Milliseconds for epoll_wait(2), rounded as CPython does: up to the nanosecond away from zero,
 * then up to the millisecond. −1 is for ever: undefined, null, and numbers from −1 ms downwards.
 * @throws TypeError, RangeError
 */
export function toTimeoutMs(seconds: unknown): number {
  if (seconds === undefined || seconds === null) return -1;
  if (typeof seconds !== 'number')
    throw wrongType('timeout', 'a number of seconds or null', seconds);
  const nanoseconds = seconds * NANOSECONDS_PER_SECOND;
  const whole = seconds < 0 ? Math.floor(nanoseconds) : Math.ceil(nanoseconds);
  const ms = Math.ceil(whole / NANOSECONDS_PER_MS);
  if (!(ms >= INT_MIN && ms <= INT_MAX)) {
    throw rangeError(
      `timeout must be from −2147483.648 to 2147483.647 seconds, got ${show(seconds)}`,
    );
  }
  // Adding 0 makes −0 of what rounds up to it a 0.
  return ms < 0 ? -1 : ms + 0;
}

/** The number of events to take; −1 is `unlimited`. @throws RangeError */
export function toRoom(maxevents: number, unlimited: number): number {
  if (maxevents === -1) return unlimited;
  if (maxevents < 1) {
    throw rangeError(`maxevents must be greater than 0, or −1, got ${maxevents}`);
  }
  return maxevents;
}

/** Integers of C's int, of whatever meaning. @throws TypeError, RangeError */
export function toInt(value: unknown, name: string): number {
  return toInteger(value, name, INT_MIN, INT_MAX);
}

/** A property of an options object, or `fallback` if there is none. @throws TypeError */
export function toOption(options: unknown, name: string, fallback?: unknown): unknown {
  if (options === undefined) return fallback;
  if (!isObject(options)) throw wrongType('options', 'an object', options);
  const value = guarded(name, () => Reflect.get(options, name) as unknown);
  return value === undefined ? fallback : value;
}

/** The signal of an options object. @throws TypeError */
export function toSignal(options: unknown): AbortSignal | undefined {
  const signal = toOption(options, 'signal');
  if (signal === undefined) return undefined;
  const isSignal = guarded('signal', () => signal instanceof AbortSignal);
  if (!isSignal) throw wrongType('signal', 'an AbortSignal', signal);
  return signal as AbortSignal;
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

export function rangeError(message: string): RangeError {
  return Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
}

function typeError(message: string, options?: ErrorOptions): TypeError {
  return Object.assign(new TypeError(message, options), { code: 'ERR_INVALID_ARG_TYPE' });
}

export function wrongType(name: string, expected: string, value: unknown): TypeError {
  const kind = value === null ? 'null' : typeof value;
  return typeError(`${name} must be ${expected}, got ${kind}`);
}

function show(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
