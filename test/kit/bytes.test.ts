// Views, numbers as text, and maps by bytes, each compared with the same in JavaScript.

import test from 'ava';
import fc from 'fast-check';
import { Units } from '../helpers/kit.ts';

const units = new Units();
const { call } = units;

/** Few different bytes, so that things are found. */
const some = fc
  .array(fc.constantFrom(...Buffer.from('aAbB \r\n0-\0\xff', 'latin1')), { maxLength: 40 })
  .map((bytes) => Buffer.from(bytes));
const word = fc.stringMatching(/^[aAbB \r\n0-]{0,4}$/);
const lower = fc.stringMatching(/^[a-z@[`{ 0-]{0,4}$/);
const anyCase = fc
  .tuple(lower, fc.infiniteStream(fc.boolean()))
  .map(([text, ups]) =>
    [...text].map((letter) => (ups.next().value ? letter.toUpperCase() : letter)).join(''),
  );
const index = fc.integer({ min: -3, max: 45 });
const property = <T extends unknown[]>(
  inputs: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...args: T) => boolean,
): void => {
  const all = fc.tuple(...(inputs as unknown as fc.Arbitrary<unknown>[]));
  const run = (args: unknown[]): boolean => {
    units.release();
    return check(...(args as T));
  };
  fc.assert(
    fc.property(all, (args) => run(args as unknown[])),
    { numRuns: 200 },
  );
};

test('a byte is found by its index, and none beyond the ends', (t) => {
  property([some, index], (bytes, at) => {
    return call.byte!(...units.put(bytes), at) === (bytes[at] ?? -1);
  });
  t.pass();
});

test('bytes are compared with text and with bytes', (t) => {
  property([some, word], (bytes, text) => {
    const [view, other] = [units.put(bytes), units.put(text)];
    const same = bytes.toString('latin1') === text;
    return call.is!(...view, ...other) === +same && call.equals!(...view, ...other) === +same;
  });
  property([some], (bytes) => {
    const ascii = bytes.filter((byte) => byte < 0x80);
    const [view, other] = [units.put(ascii), units.put(ascii)];
    return call.is!(...view, ...other) === 1 && call.equals!(...view, ...other) === 1;
  });
  property([some, word], (bytes, text) => {
    const starts = bytes.toString('latin1').startsWith(text);
    return call.startsWith!(...units.put(bytes), ...units.put(text)) === +starts;
  });
  t.pass();
});

test('letters are compared in any case, and nothing else is', (t) => {
  property([anyCase, lower], (bytes, text) => {
    const like = bytes.toLowerCase() === text;
    return call.like!(...units.put(bytes), ...units.put(text)) === +like;
  });
  property([anyCase], (bytes) => {
    return call.like!(...units.put(bytes), ...units.put(bytes.toLowerCase())) === 1;
  });
  // Those that differ from others by the same bit as letters do.
  const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
  const wrong: string[] = [];
  for (const text of ascii) {
    for (const lowerCase of ascii.filter((each) => each === each.toLowerCase())) {
      units.release();
      const found = call.like!(...units.put(text), ...units.put(lowerCase));
      if (found !== +(text.toLowerCase() === lowerCase)) wrong.push(text + lowerCase);
    }
  }
  t.deepEqual(wrong, []);
});

test('bytes that are compared with a text which is not ASCII end the callback', (t) => {
  units.release();
  const text = units.put('ë');
  t.throws(() => call.is!(...units.put(Buffer.from([0xeb])), ...text), { message: 'abort' });
  t.is(call.is!(...units.put('e'), ...units.put('f')), 0);
});

test('a byte is searched from an index', (t) => {
  property([some, fc.constantFrom(...'aB\0\xff'), index], (bytes, byte, from) => {
    const code = byte.charCodeAt(0);
    return call.find!(...units.put(bytes), code, from) === bytes.indexOf(code, Math.max(from, 0));
  });
  // Eight at a time: each place, and bytes that differ by a borrow.
  for (let at = 0; at < 20; at += 1) {
    units.release();
    const bytes = Buffer.from('\x01\x00\x02\xff\x81\x80'.repeat(4), 'latin1');
    bytes[at] = 0x0a;
    t.is(call.find!(...units.put(bytes), 0x0a, 0), at);
  }
});

test('a slice is what it is in JavaScript, without counting from the end', (t) => {
  property([some, index, index], (bytes, start, end) => {
    const slice = bytes.subarray(Math.max(start, 0), Math.max(end, 0));
    return units.view(call.slice!(...units.put(bytes), start, end)).equals(slice);
  });
  t.pass();
});

test('a cut takes the front off, up to a text', (t) => {
  const text = fc.stringMatching(/^[aA \r\n]{1,3}$/);
  property([some, text], (bytes, at) => {
    const found = bytes.indexOf(at, 0, 'latin1');
    const front = found < 0 ? bytes : bytes.subarray(0, found);
    const rest = found < 0 ? Buffer.alloc(0) : bytes.subarray(found + at.length);
    const cut = units.view(call.cut!(...units.put(bytes), ...units.put(at)));
    return cut.equals(front) && units.view(call.cutLeft!()).equals(rest);
  });
  t.pass();
});

test('spaces and control characters are trimmed', (t) => {
  property([some], (bytes) => {
    const text = bytes.toString('latin1').replace(/^[\0-\x20]+|[\0-\x20]+$/g, '');
    return units.view(call.trim!(...units.put(bytes))).toString('latin1') === text;
  });
  t.pass();
});

const most = 2n ** 63n - 1n;
const number = fc.oneof(
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
  fc.bigInt({ min: -most - 3n, max: -most + 3n }),
  fc.bigInt({ min: most - 3n, max: most + 3n }),
  fc.bigInt({ min: -1000n, max: 1000n }),
);
const numeral = fc.oneof(
  number.map(String),
  fc.tuple(fc.nat(3), number).map(([zeros, value]) => '0'.repeat(zeros) + value),
  fc.stringMatching(/^[-+ 0-9.x]{0,6}$/),
);

test('decimal numbers are those of 64 bits, and in their range', (t) => {
  property([numeral, number, number], (text, least, greatest) => {
    const value = /^-?\d+$/.test(text) ? BigInt(text) : null;
    const fits = value !== null && value >= -most - 1n && value <= most;
    const view = units.put(text);
    const [low, high] = [BigInt.asIntN(64, least), BigInt.asIntN(64, greatest)];
    const found = BigInt(call.toDecimal!(...view, low, high, -77n));
    const expected = fits && value >= low && value <= high ? value : -77n;
    return call.isDecimal!(...view) === +fits && found === expected;
  });
  for (const text of ['', '-', '--1', '1-', ' 1', '1 ', '+1', '0x1', '1.0', '٣']) {
    t.is(call.isDecimal!(...units.put(text)), 0, text);
  }
});

test('floating-point numbers are those of JSON', (t) => {
  const form = fc.stringMatching(/^-?[0-9]{0,3}(?:\.[0-9]{0,3})?(?:[eE][-+]?[0-9]{0,2})?x?$/);
  property([fc.oneof(form, fc.double({ noNaN: true }).map(String))], (text) => {
    const is = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/.test(text);
    const found = call.toFloat!(...units.put(text), -77);
    const expected = is ? Number(text) : -77;
    // The last digits may differ.
    return Math.abs(found - expected) <= Math.abs(expected) * 1e-14;
  });
  for (const text of [
    '3.6081325773534987e+53',
    '-9.258401272448032e+38',
    '1.7976931348623157e308',
    `1${'0'.repeat(60)}`,
  ]) {
    const found = call.toFloat!(...units.put(text), -77);
    t.true(Math.abs(found / Number(text) - 1) < 1e-14, `${text}: ${found}`);
  }
  for (const text of ['5e-324', '1e999', '-1e99999999999', '1e-9999', '0e9']) {
    t.is(call.toFloat!(...units.put(text), -77), Number(text), text);
  }
});

test('copies and strings are allocated, and are the same', (t) => {
  property([some.map((bytes) => bytes.filter((byte) => byte < 0x80)).map(Buffer.from)], (bytes) => {
    const view = units.put(bytes);
    const copy = BigInt(call.copy!(...view));
    const kept = units.view(call.keep!(...view));
    const [other] = units.put(new Uint8Array(bytes.length));
    call.copyTo!(...view, other);
    const text = units.view(call.toText!(...view)).toString('utf16le');
    return (
      units.view(copy).equals(bytes) &&
      Number(copy >> 32n) !== view[0] &&
      kept.equals(bytes) &&
      Buffer.from(units.memory(other, bytes.length)).equals(bytes) &&
      text === bytes.toString('latin1')
    );
  });
  t.is(units.view(call.toText!(...units.put('zoë €😀'))).toString('utf16le'), 'zoë €😀');
});

test('a constant is its text as UTF-8', (t) => {
  t.is(units.view(units.global('constant')).toString(), 'zoë €');
});

test('a message may have any number of views, and memory for them is taken once', (t) => {
  const fresh = new Units();
  const text = fresh.put('x');
  const size = (): number => fresh.memory(0, 0).buffer.byteLength;
  const sum = (count: number): number => (count * (count - 1)) / 2;
  const through = (): void => {
    fresh.call.begin!(1, 0, ...text);
    t.is(fresh.call.next!(), 1);
    t.is(fresh.call.many!(60_000), sum(60_000));
    fresh.call.readBytes!(1);
    t.is(fresh.call.finish!(), 1);
  };
  through();
  const after = size();
  through();
  // Only the array that the test itself allocates.
  t.true(size() - after <= 60_000 * 4 + 65_536);
});

test('a callback that reads no messages has any number of views, and those of the ones before are used again', (t) => {
  const fresh = new Units();
  const sum = (count: number): number => (count * (count - 1)) / 2;
  t.is(fresh.call.many!(256), sum(256));
  // Wherever in a chunk the one before has ended, and the next one begins.
  for (const count of [255, 256, 1, 100, 5000, 200, 254, 20_000, 700]) {
    fresh.now += 1;
    t.is(fresh.call.many!(count), sum(count), String(count));
  }
  // Time may stand still, as in a test: then nothing says that another callback has begun.
  for (const count of [300, 3000]) t.is(fresh.call.many!(count), sum(count), String(count));
  const text = fresh.put('x');
  const before = Number(fresh.call.allocate!(16));
  for (let callbacks = 0; callbacks < 100; callbacks += 1) {
    fresh.now += 1;
    for (let views = 0; views < 10_000; views += 2) fresh.call.trim!(...text);
  }
  // What 10,000 views of two turns take, and not what a million does.
  t.true(Number(fresh.call.allocate!(16)) - before < 50 * 10_000);
});

test('messages with many views among other callbacks use the same memory again', (t) => {
  const fresh = new Units();
  const text = fresh.put('x');
  const views = (count: number): void => {
    for (let made = 0; made < count; made += 1) fresh.call.trim!(...text);
  };
  const round = (): void => {
    fresh.call.begin!(1, 0, ...text);
    fresh.call.next!();
    views(600);
    fresh.call.readBytes!(1);
    fresh.call.finish!();
    for (let callbacks = 0; callbacks < 2; callbacks += 1) {
      fresh.now += 1;
      views(300);
    }
  };
  for (let rounds = 0; rounds < 10; rounds += 1) round();
  const before = Number(fresh.call.allocate!(16));
  for (let rounds = 0; rounds < 200; rounds += 1) round();
  t.true(Number(fresh.call.allocate!(16)) - before < 20_000);
});

for (const runtime of ['stub', 'incremental']) {
  test(`a map keeps values by bytes, as a Map of JavaScript does, with ${runtime}`, (t) => {
    const key = fc.stringMatching(/^[abc]{0,12}$/);
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key, value: fc.integer() }),
      fc.record({ do: fc.constant('delete' as const), key, value: fc.constant(0) }),
      { weight: 1, arbitrary: fc.constant({ do: 'clear' as const, key: '', value: 0 }) },
    );
    const own = new Units(runtime);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        own.call.mapClear!();
        const model = new Map<string, number>();
        for (const { do: what, key, value } of steps) {
          own.release();
          const view = own.put(key);
          if (what === 'clear') {
            own.call.mapClear!();
            model.clear();
          } else if (what === 'set') {
            own.call.mapSet!(...view, value);
            model.set(key, value);
          } else if (own.call.mapDelete!(...view) !== +model.delete(key)) return false;
          if (own.call.mapHas!(...view) !== +model.has(key)) return false;
          if (own.call.mapGet!(...view, -5) !== (model.get(key) ?? -5)) return false;
        }
        const found = new Map<string, number>();
        for (let at = own.call.mapAfter!(-1); at >= 0; at = own.call.mapAfter!(at)) {
          found.set(own.view(own.call.mapKey!(at)).toString(), own.call.mapValue!(at));
        }
        const sorted = (map: Map<string, number>): string => JSON.stringify([...map].sort());
        return own.call.mapSize!() === model.size && sorted(found) === sorted(model);
      }),
      { numRuns: 60 },
    );
    t.pass();
  });
}
