import test from 'ava';
import { lineOf, readAsc, readShort, seenFrom } from '../../host/compiler/diagnostics.ts';

const ASC = `ERROR TS2322: Type '~lib/string/String' is not assignable to type 'i32'.
   :
 5 │ let x: i32 = "a";
   │              ~~~
   └─ in src/mine.ts(5,14)

WARNING AS201: Conversion from type 'f64' to 'i32' requires an explicit cast.
    :
 12 │ y;
    └─ in src/other.ts(12,1)
    :
  3 │ z;
    └─ in src/third.ts(3,1)

ERROR AS100: Not implemented: it
FAILURE 2 compile error(s)
`;

test('what asc says is one line for each mistake, with the place that it names first', (t) => {
  t.deepEqual(readAsc(ASC).map(lineOf), [
    "src/mine.ts:5:14: Type '~lib/string/String' is not assignable to type 'i32'.",
    "src/other.ts:12:1: warning: Conversion from type 'f64' to 'i32' requires an explicit cast.",
    'Not implemented: it',
  ]);
});

test('of `type` in an import it is said that AssemblyScript has none', (t) => {
  const said = (line: string, message = "'}' expected."): string[] =>
    readAsc(
      `ERROR TS1005: ${message}\n   :\n 2 │ ${line}\n   │ ~~~~\n   └─ in src/mine.ts(2,3)\n`,
    ).map(lineOf);
  const advised = [
    "src/mine.ts:2:3: '}' expected. AssemblyScript has no `type` in imports: leave it out",
  ];
  t.deepEqual(said("import { type Connection, input } from 'wasmpoll/assembly/kit';"), advised);
  t.deepEqual(said("import { input, type Connection } from 'wasmpoll/assembly/kit';"), advised);
  t.deepEqual(said('type Connection,'), advised);
  t.deepEqual(said('let type = 1;'), ["src/mine.ts:2:3: '}' expected."]);
  t.deepEqual(said('type A = B', 'Something else.'), ['src/mine.ts:2:3: Something else.']);
});

test('what rustc and clang say is one line for each mistake, without the sum at the end', (t) => {
  const rustc = `src/mine.rs:3:26: error[E0308]: mismatched types
src/mine.rs:4:9: warning: unused variable
error: aborting due to previous error; 1 warning emitted
`;
  t.deepEqual(readShort(rustc).map(lineOf), [
    'src/mine.rs:3:26: mismatched types',
    'src/mine.rs:4:9: warning: unused variable',
  ]);
  const clang = `src/mine.c:1:10: fatal error: 'nothing.h' file not found
wasm-ld: error: mine.o: undefined symbol: memcpy
clang: error: linker command failed with exit code 1 (use -v to see invocation)
1 error generated.
`;
  t.deepEqual(readShort(clang).map(lineOf), [
    "src/mine.c:1:10: 'nothing.h' file not found",
    'mine.o: undefined symbol: memcpy',
  ]);
});

test('a place is seen from the current folder; one inside of the compiler stays as it is', (t) => {
  const of = (place: string): string | null =>
    seenFrom('/home/me', '/home/me/redis', { severity: 'error', place, message: '' }).place;
  t.is(of('src/redis.ts:5:1'), 'redis/src/redis.ts:5:1');
  t.is(of('../shared/a.ts:5:1'), 'shared/a.ts:5:1');
  t.is(of('~lib/array.ts:5:1'), '~lib/array.ts:5:1');
});

test('a message cannot write to the terminal what it likes', (t) => {
  t.is(lineOf({ severity: 'error', place: null, message: 'a\u001b[2Jb' }), 'a\\x1b[2Jb');
});
