// Reading: a message that comes in pieces is read as one that was all there, whatever the pieces.

import test from 'ava';
import fc from 'fast-check';
import { Units } from '../helpers/kit.ts';

/** One read, as a test has it: what the guest does, and what it is on bytes that are all there. */
interface Read {
  readonly name: string;
  /** Calls the guest. @returns what it gave, as text */
  readonly run: (units: Units) => string;
  /** @returns the same, and how far it came; how far it would have to come, if that is not there; or 'bad' */
  readonly model: (
    bytes: Buffer,
    at: number,
    framed: boolean,
  ) => readonly [string, number] | number | 'bad';
}

const NO_LIMIT = 2 ** 31 - 1;

/** @returns where the text is, or -1 */
function upTo(bytes: Buffer, at: number, text: string, longest: number): number {
  const found = bytes.indexOf(text, at, 'latin1');
  return found - at <= longest ? found : -1;
}

const missing = (bytes: Buffer, at: number, text: string, longest: number): number | 'bad' =>
  bytes.length - at >= longest + text.length ? 'bad' : bytes.length + 1;

const untilRead = (text: string, longest: number): Read => ({
  name: `until(${JSON.stringify(text)}, ${longest})`,
  run: (units) => units.view(units.call.readUntil!(...units.put(text), longest)).toString('latin1'),
  model: (bytes, at) => {
    const found = upTo(bytes, at, text, longest);
    if (found < 0) return missing(bytes, at, text, longest);
    return [bytes.toString('latin1', at, found), found + text.length];
  },
});

const lineRead = (longest: number): Read => ({
  name: `line(${longest})`,
  run: (units) => units.view(units.call.readLine!(longest)).toString('latin1'),
  model: (bytes, at) => {
    const found = upTo(bytes, at, '\n', longest);
    if (found < 0) return missing(bytes, at, '\n', longest);
    return [bytes.toString('latin1', at, found).replace(/\r$/, ''), found + 1];
  },
});

const bytesRead = (length: number): Read => ({
  name: `bytes(${length})`,
  run: (units) => units.view(units.call.readBytes!(length)).toString('latin1'),
  model: (bytes, at) => {
    if (length < 0) return 'bad';
    if (at + length > bytes.length) return at + length;
    return [bytes.toString('latin1', at, at + length), at + length];
  },
});

const starts = (bytes: Buffer, at: number, text: string): boolean | 'short' => {
  const there = bytes.toString('latin1', at, at + text.length);
  if (there === text) return true;
  return text.startsWith(there) ? 'short' : false;
};

const skipRead = (text: string): Read => ({
  name: `skip(${JSON.stringify(text)})`,
  run: (units) => String(units.call.readSkip!(...units.put(text))),
  model: (bytes, at) => {
    const found = starts(bytes, at, text);
    if (found === 'short') return bytes.length + 1;
    return found ? ['1', at + text.length] : ['0', at];
  },
});

const expectRead = (text: string): Read => ({
  name: `expect(${JSON.stringify(text)})`,
  run: (units) => {
    units.call.readExpect!(...units.put(text));
    return '';
  },
  model: (bytes, at) => {
    const found = starts(bytes, at, text);
    if (found === 'short') return bytes.length + 1;
    return found ? ['', at + text.length] : 'bad';
  },
});

const decimalRead = (least: bigint, most: bigint): Read => ({
  name: `decimal(${least}, ${most})`,
  run: (units) => String(units.call.readDecimal!(least, most)),
  model: (bytes, at, framed) => {
    const text = bytes.toString('latin1', at);
    const [digits] = /^-?\d*/.exec(text)!;
    const named = digits !== '' && digits !== '-';
    // Too large a number is known to be one before it has ended.
    if (named && BigInt.asIntN(64, BigInt(digits)) !== BigInt(digits)) return 'bad';
    if (digits === text && !(named && framed)) return bytes.length + 1;
    if (!named || BigInt(digits) < least || BigInt(digits) > most) return 'bad';
    return [String(BigInt(digits)), at + digits.length];
  },
});

/** A read, and CR LF behind it, in one. */
const endedRead = (first: Read, run: Read['run']): Read => ({
  name: `${first.name} and CR LF`,
  run,
  model: (bytes, at, framed) => {
    const found = first.model(bytes, at, framed);
    if (!Array.isArray(found)) return found;
    const end = expectRead('\r\n').model(bytes, found[1], framed);
    return Array.isArray(end) ? [found[0], end[1]] : end;
  },
});

const decimalLineRead = (least: bigint, most: bigint): Read =>
  endedRead(decimalRead(least, most), (units) => String(units.call.readDecimalLine!(least, most)));

const bytesLineRead = (length: number): Read =>
  endedRead(bytesRead(length), (units) =>
    units.view(units.call.readBytesLine!(length)).toString('latin1'),
  );

const uintRead = (bytes: number, little: boolean): Read => ({
  name: `uint${8 * bytes}${little ? 'le' : ''}`,
  run: (units) => String(BigInt.asUintN(64, BigInt(units.call.readUint!(bytes, little)))),
  model: (all, at) => {
    if (at + bytes > all.length) return at + bytes;
    const part = [...all.subarray(at, at + bytes)];
    if (little) part.reverse();
    return [String(part.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)), at + bytes];
  },
});

const varintRead = (longest: number): Read => ({
  name: `varint(${longest})`,
  run: (units) => String(BigInt.asUintN(32, BigInt(units.call.readVarint!(longest)))),
  model: (bytes, at) => {
    let value = 0n;
    for (let i = 0; i < longest; i += 1) {
      const byte = bytes[at + i];
      if (byte === undefined) return at + i + 1;
      value |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) return value < 2n ** 32n ? [String(value), at + i + 1] : 'bad';
    }
    return 'bad';
  },
});

const longest = fc.oneof(fc.constant(NO_LIMIT), fc.nat(6));
const separator = fc.constantFrom('\n', '\r\n', ' ', 'ab', 'aab', '\r\n\r\n');
const read: fc.Arbitrary<Read> = fc.oneof(
  fc.tuple(separator, longest).map(([text, most]) => untilRead(text, most)),
  longest.map(lineRead),
  fc.integer({ min: -1, max: 6 }).map(bytesRead),
  fc.integer({ min: -1, max: 6 }).map(bytesLineRead),
  separator.map(skipRead),
  separator.map(expectRead),
  fc.constantFrom(
    decimalRead(0n, 20n),
    decimalRead(-10n, 10n),
    decimalRead(-(2n ** 63n), 2n ** 63n - 1n),
    decimalLineRead(0n, 20n),
    decimalLineRead(-(2n ** 63n), 2n ** 63n - 1n),
  ),
  fc.tuple(fc.constantFrom(1, 2, 4, 8), fc.boolean()).map(([n, little]) => uintRead(n, little)),
  fc.constantFrom(varintRead(5), varintRead(2)),
);
const input = fc
  .array(
    fc.constantFrom('a', 'b', ' ', '\r', '\n', '\r\n', '0', '1', '-', '7', '99', '\x80', '\xff'),
    {
      maxLength: 60,
      size: 'max',
    },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

interface Seen {
  readonly messages: string[][];
  readonly consumed: number;
  readonly bad: boolean;
}

interface Protocol {
  readonly reads: readonly Read[];
  /** A byte in front says how long the message is, and what is not read of it is skipped. */
  readonly framed: boolean;
  readonly atMost: number;
}

const protocol: fc.Arbitrary<Protocol> = fc.record({
  reads: fc.array(read, { minLength: 1, maxLength: 4 }),
  framed: fc.boolean(),
  atMost: fc.oneof(fc.constant(NO_LIMIT), fc.integer({ min: 1, max: 12 })),
});

/** One message from bytes that are all there. @returns what was read, and where it ended */
function message(
  { reads, framed, atMost }: Protocol,
  bytes: Buffer,
  start: number,
): readonly [string[], number] | 'short' | 'bad' {
  const over = (end: number): 'short' | 'bad' => (end - start > atMost ? 'bad' : 'short');
  let far = bytes.subarray(0, Math.min(bytes.length, start + atMost));
  let at = start;
  if (framed) {
    const end = at + 1 + bytes[at]!;
    if (end > far.length) return over(end);
    far = bytes.subarray(0, end);
    at += 1;
  }
  const results: string[] = [];
  for (const { model } of reads) {
    const found = model(far, at, framed);
    if (found === 'bad') return 'bad';
    if (typeof found === 'number') return framed ? 'bad' : over(found);
    results.push(found[0]);
    at = found[1];
  }
  return [results, framed ? far.length : at];
}

function expected(of: Protocol, bytes: Buffer): Seen {
  const messages: string[][] = [];
  let start = 0;
  while (start < bytes.length) {
    const found = message(of, bytes, start);
    if (typeof found === 'string') return { messages, consumed: start, bad: found === 'bad' };
    if (found[1] === start) break;
    messages.push(found[0]);
    start = found[1];
  }
  return { messages, consumed: start, bad: false };
}

/** Has the guest read bytes that come in pieces, which end at these places, as the host gives them to it. */
function actual(units: Units, of: Protocol, bytes: Buffer, ends: number[], state: boolean): Seen {
  const { call } = units;
  units.release();
  call.atMost!(of.atMost);
  const session = state ? units.put(new Uint8Array(16))[0] : 0;
  const [base] = units.put(bytes);
  const messages: string[][] = [];
  let [start, wanted, bad] = [0, 0, false];
  for (const end of ends) {
    while (end > start && end - start >= wanted && !bad) {
      units.calls.length = 0;
      call.begin!(3, session, base + start, end - start);
      while (call.next!() !== 0) {
        if (of.framed) call.readFrame!(Number(call.readUint!(1, false)));
        const before = call.readRest!();
        const results = of.reads.map(({ run }) => run(units));
        const moved = of.framed || call.readRest!() !== before;
        if (call.ok!() !== 0 && moved) messages.push(results);
      }
      const consumed = call.finish!();
      start += consumed;
      bad = call.bad!() !== 0;
      wanted = Number(units.calls.find((each) => each.startsWith('want'))?.split(' ')[1] ?? 0);
      if (consumed === 0) break;
    }
  }
  return { messages, consumed: start, bad };
}

for (const runtime of ['stub', 'incremental']) {
  test(`messages are the same in whatever pieces they come, with ${runtime}`, (t) => {
    const units = new Units(runtime);
    const pieces = fc.array(fc.nat(60), { maxLength: 8 });
    let [read, refused] = [0, 0];
    fc.assert(
      fc.property(protocol, input, pieces, fc.boolean(), (of, bytes, cuts, state) => {
        const ends = [
          ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b),
          bytes.length,
        ];
        const bytewise = Array.from({ length: bytes.length }, (_, index) => index + 1);
        const whole = expected(of, bytes);
        read += whole.messages.length;
        refused += +whole.bad;
        for (const each of [[bytes.length], ends, bytewise]) {
          const seen = actual(units, of, bytes, each, state);
          if (JSON.stringify(seen) !== JSON.stringify(whole)) {
            throw new Error(
              `${of.reads.map(({ name }) => name)} ${JSON.stringify(of)} in ${each}: ` +
                `${JSON.stringify(seen)} instead of ${JSON.stringify(whole)}`,
            );
          }
        }
      }),
      { numRuns: 250 },
    );
    // Enough of each kind, so that it says something.
    t.true(read > 20 && refused > 20, `${read} read, ${refused} refused`);
  });
}

test('a search goes on where it stopped, and starts anew in the next message', (t) => {
  const units = new Units();
  const { call } = units;
  const [session] = units.put(new Uint8Array(16));
  const memo = (): number[] => [...new Int32Array(units.memory(session, 8).slice().buffer)];
  const [at] = units.put(`key ${'x'.repeat(100)}\nkey x\n`);
  const offer = (from: number, to: number): number => {
    call.begin!(3, session, at + from, to - from);
    while (call.next!() !== 0) {
      call.readUntil!(...units.put(' '), NO_LIMIT);
      call.readLine!(NO_LIMIT);
    }
    return call.finish!();
  };
  t.is(offer(0, 50), 0);
  t.deepEqual(memo(), [4, 50]);
  t.is(offer(0, 90), 0);
  t.deepEqual(memo(), [4, 90]);
  // What was searched is not looked at again: a line end that is put there is not seen.
  units.memory(at + 60, 1).fill(0x0a);
  t.is(offer(0, 108), 105);
  t.deepEqual(memo(), [0, 3]);
  t.is(offer(105, 111), 6);
  t.deepEqual(memo(), [0, 0]);
});

test('the host is asked for what the message lacks, and no more', (t) => {
  const units = new Units();
  const { call } = units;
  const lacking = (text: string, read: () => void): string[] => {
    units.calls.length = 0;
    call.begin!(3, 0, ...units.put(text));
    call.next!();
    read();
    t.is(call.ok!(), 0);
    t.is(call.finish!(), 0);
    return units.calls;
  };
  t.deepEqual(
    lacking('ab', () => call.readBytes!(1000)),
    ['want 1000'],
  );
  t.deepEqual(
    lacking('ab', () => call.readFrame!(7)),
    ['want 7'],
  );
  t.deepEqual(
    lacking('ab', () => call.readSkip!(...units.put('abcd'))),
    ['want 3'],
  );
  t.deepEqual(
    lacking('ab', () => call.readLine!(NO_LIMIT)),
    ['want 3'],
  );
  t.deepEqual(
    lacking('12', () => call.readDecimal!(0n, 99n)),
    ['want 3'],
  );
  t.deepEqual(
    lacking('1', () => call.readUint!(8, false)),
    ['want 8'],
  );
});

test('a message that the host would never hold is bad at once', (t) => {
  const units = new Units();
  units.maxFrameBytes = 100;
  const { call } = units;
  const verdict = (text: string, read: () => void): [number, number] => {
    call.begin!(3, 0, ...units.put(text));
    call.next!();
    read();
    return [call.bad!(), call.finish!()];
  };
  t.deepEqual(
    verdict('ab', () => call.readBytes!(101)),
    [1, 0],
  );
  t.deepEqual(
    verdict('ab', () => call.readBytes!(100)),
    [0, 0],
  );
  t.deepEqual(
    verdict('ab', () => call.readBytes!(NO_LIMIT)),
    [1, 0],
  );
  t.deepEqual(
    verdict('x'.repeat(100), () => call.readLine!(NO_LIMIT)),
    [1, 0],
  );
  t.deepEqual(
    verdict('x'.repeat(99), () => call.readLine!(NO_LIMIT)),
    [0, 0],
  );
});

test('nothing more is read once the connection is paused, closed, or about to begin TLS', (t) => {
  for (const stop of [
    (units: Units) => units.call.pause!(3),
    (units: Units) => units.call.close!(3, 0),
    (units: Units) => units.call.startTls!(3),
  ]) {
    const units = new Units();
    units.call.begin!(3, 0, ...units.put('one two'));
    t.is(units.call.next!(), 1);
    units.call.readBytes!(4);
    stop(units);
    t.is(units.call.ok!(), 1);
    t.is(units.call.next!(), 0);
    t.is(units.call.finish!(), 4);
    units.call.begin!(3, 0, ...units.put('two'));
    t.is(units.call.next!(), 1);
    units.call.pause!(4);
    units.call.readBytes!(1);
    t.is(units.call.next!(), 1);
  }
});

test('a guest that refuses a message has not consumed it', (t) => {
  const units = new Units();
  units.call.begin!(3, 0, ...units.put('one two'));
  units.call.next!();
  units.call.readBytes!(4);
  units.call.next!();
  units.call.readBytes!(3);
  units.call.refuse!();
  t.is(units.call.next!(), 0);
  t.is(units.call.bad!(), 1);
  t.is(units.call.finish!(), 4);
});

test('a second frame in a message ends the callback', (t) => {
  const units = new Units();
  const { call } = units;
  call.begin!(3, 0, ...units.put('abcd'));
  call.next!();
  t.is(call.readFrame!(4), 1);
  t.throws(() => call.readFrame!(2), { message: 'abort' });
});

test('one message a callback is enough, and one that is not read ends the callback', (t) => {
  const units = new Units();
  units.call.begin!(3, 0, ...units.put('one two'));
  t.is(units.call.next!(), 1);
  units.call.readBytes!(4);
  t.is(units.call.finish!(), 4);
  units.call.begin!(3, 0, ...units.put('two'));
  t.is(units.call.next!(), 1);
  t.is(units.call.next!(), 0);
  t.is(units.call.finish!(), 0);
  units.call.begin!(3, 0, ...units.put(''));
  t.is(units.call.next!(), 0);
  t.is(units.call.finish!(), 0);
});
