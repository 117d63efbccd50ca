// What is written, compared with the same in JavaScript, and when it is sent.

import test from 'ava';
import fc from 'fast-check';
import { CLOSE_ABORT, STATUS_CLOSED, STATUS_LIMIT } from '../../assembly/abi.ts';
import { Units } from '../helpers/kit.ts';

const units = new Units();
const { call } = units;

type Piece = { readonly bytes: Buffer; readonly write: (units: Units) => void };

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];

function fixed(bytes: number, little: boolean, value: bigint): Buffer {
  const all = Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
  return Buffer.from(little ? all : all.reverse());
}

const long = fc.tuple(fc.nat(6000), fc.constantFrom('x', 'é')).map(([n, c]) => c.repeat(n));
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ maxLength: 30 }), long);
const piece: fc.Arbitrary<Piece> = fc.oneof(
  text.map((value) => {
    const bytes = Buffer.from(value);
    return { bytes, write: (to: Units) => void to.call.writeText!(...to.put(bytes)) };
  }),
  text.map((value) => {
    const bytes = Buffer.from(value);
    return { bytes, write: (to: Units) => void to.call.writeBytes!(...to.put(bytes)) };
  }),
  text.map((value) => {
    const bytes = Buffer.from(value);
    return { bytes, write: (to: Units) => void to.call.writeBuffer!(...to.put(bytes)) };
  }),
  text.map((value) => {
    const bytes = Buffer.from(`${value}\r\n`);
    return {
      bytes,
      write: (to: Units) => void to.call.writeBytesLine!(...to.put(bytes.subarray(0, -2))),
    };
  }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({
    bytes: Buffer.from(String(value)),
    write: (to: Units) => void to.call.writeDecimal!(value),
  })),
  fc.integer({ min: -2, max: 120 }).map((value) => ({
    bytes: Buffer.from(`${value}\r\n`),
    write: (to: Units) => void to.call.writeDecimalLine!(BigInt(value)),
  })),
  fc.nat(70).map((shift) => {
    const value = BigInt.asIntN(64, 10n ** BigInt(shift % 19) - BigInt(shift % 3));
    return {
      bytes: Buffer.from(String(value)),
      write: (to: Units) => void to.call.writeDecimal!(value),
    };
  }),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => ({
    bytes: Buffer.from(varint(value)),
    write: (to: Units) => void to.call.writeVarint!(value),
  })),
  fc
    .tuple(fc.constantFrom(1, 2, 4, 8), fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map(([bytes, little, value]) => ({
      bytes: fixed(bytes, little, value),
      write: (to: Units) => void to.call.writeUint!(bytes, little, value),
    })),
);
const pieces = fc.array(piece, { maxLength: 20 });
const whole = (all: readonly Piece[]): Buffer => Buffer.concat(all.map(({ bytes }) => bytes));
const sent = (to: Units): Buffer => Buffer.concat(to.sent.map(({ bytes }) => bytes));

test('a reply is what was written, in order, in pieces of at most 64 KiB or as they lie', (t) => {
  fc.assert(
    fc.property(pieces, (all) => {
      units.release();
      call.choose!(0);
      call.begin!(9, 0, ...units.put('x'));
      for (const { write } of all) write(units);
      call.finish!();
      t.true(units.sent.every(({ connection }) => connection === 9));
      return sent(units).equals(whole(all));
    }),
  );
});

test('a draft is what was written, and grows', (t) => {
  fc.assert(
    fc.property(pieces, (all) => {
      units.release();
      call.choose!(1);
      call.clear!();
      for (const { write } of all) write(units);
      const same = units.view(call.drafting!()).equals(whole(all));
      call.sendDraft!(5);
      call.sendDraft!(6);
      const twice = Buffer.concat([whole(all), whole(all)]);
      return same && sent(units).equals(twice);
    }),
  );
  t.pass();
});

test('a floating-point number reads back as the same, and a whole one has no fraction', (t) => {
  const values = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constant(0.5));
  fc.assert(
    fc.property(values, (value) => {
      call.choose!(1);
      call.clear!();
      call.writeFloat!(value);
      const text = String(units.view(call.drafting!()));
      if (Number.isSafeInteger(value)) return text === String(value);
      return Object.is(Number(text), value);
    }),
  );
  t.pass();
});

/** Begins a reply to connection 9. */
function replying(): Units {
  const fresh = new Units();
  fresh.call.choose!(0);
  fresh.call.begin!(9, 0, ...fresh.put('one two'));
  return fresh;
}

test('small pieces go out together, large ones from where they lie', (t) => {
  const fresh = replying();
  for (let i = 0; i < 100; i += 1) fresh.call.writeBytes!(...fresh.put('a'.repeat(100)));
  t.is(fresh.sent.length, 0);
  fresh.call.writeBytes!(...fresh.put('b'.repeat(4096)));
  t.deepEqual(
    fresh.sent.map(({ bytes }) => bytes.length),
    [10_000, 4096],
  );
  fresh.call.writeBytes!(...fresh.put('c'.repeat(4095)));
  fresh.call.finish!();
  t.deepEqual(
    fresh.sent.map(({ bytes }) => bytes.length),
    [10_000, 4096, 4095],
  );
});

test('what is written outside of a callback for input reaches nobody', (t) => {
  const fresh = replying();
  fresh.call.writeText!(...fresh.put('early'));
  fresh.call.finish!();
  fresh.call.writeText!(...fresh.put('late'));
  fresh.call.writeBytes!(...fresh.put('l'.repeat(5000)));
  fresh.call.begin!(10, 0, ...fresh.put('x'));
  fresh.call.writeText!(...fresh.put('next'));
  fresh.call.finish!();
  t.deepEqual(
    fresh.sent.map(({ connection, bytes }) => [connection, String(bytes)]),
    [
      [9, 'early'],
      [10, 'next'],
    ],
  );
});

test('a send to the same connection goes behind the reply, one to another at once', (t) => {
  const fresh = replying();
  fresh.call.writeText!(...fresh.put('a'));
  fresh.call.send!(9, ...fresh.put('b'));
  fresh.call.tell!(9, ...fresh.put('c'));
  fresh.call.send!(8, ...fresh.put('other'));
  fresh.call.tell!(8, ...fresh.put('text'));
  fresh.call.finish!();
  t.deepEqual(
    fresh.sent.map(({ connection, bytes }) => [connection, String(bytes)]),
    [
      [8, 'other'],
      [8, 'text'],
      [9, 'abc'],
    ],
  );
});

test('a close, TLS, and the question for the backlog come behind the reply', (t) => {
  for (const [ask, note] of [
    [(of: Units) => of.call.close!(9, 2), 'close 9 2'],
    [(of: Units) => of.call.startTls!(9), 'start_tls 9'],
    [(of: Units) => t.is(of.call.backlog!(9), 5), undefined],
  ] as const) {
    const fresh = replying();
    fresh.call.writeText!(...fresh.put('reply'));
    ask(fresh);
    t.is(String(sent(fresh)), 'reply');
    if (note !== undefined) t.deepEqual(fresh.calls, [note]);
  }
});

test('an answer that the host does not take whole ends the connection', (t) => {
  const fresh = replying();
  fresh.backlog = STATUS_LIMIT;
  fresh.call.writeBytes!(...fresh.put('x'.repeat(5000)));
  t.deepEqual(fresh.calls, [`close 9 ${CLOSE_ABORT}`]);
  const gone = replying();
  gone.backlog = STATUS_CLOSED;
  gone.call.writeBytes!(...gone.put('x'.repeat(5000)));
  t.deepEqual(gone.calls, []);
});

test('with 64 KiB unsent there is no next message, but each callback reads one', (t) => {
  const fresh = replying();
  t.is(fresh.call.next!(), 1);
  fresh.call.readBytes!(4);
  fresh.backlog = 64 * 1024 - 1;
  fresh.call.writeBytes!(...fresh.put('x'.repeat(4096)));
  t.is(fresh.call.next!(), 1);
  fresh.call.readBytes!(1);
  fresh.call.writeBytes!(...fresh.put('y'));
  t.is(fresh.call.next!(), 0);
  t.is(fresh.call.finish!(), 5);
});
