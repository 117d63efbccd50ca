// Guests in Rust and C: a trap is told with its line, and the module that is served has nothing for debuggers in it.

import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { lineRows } from '../../host/compiler/line-table.ts';
import { parseModule } from '../../host/module/binary.ts';
import { SourceLines } from '../../host/module/source-lines.ts';
import { Author, hasCompiler } from '../helpers/authors.ts';
import { connect } from '../helpers/client.ts';
import { root } from '../helpers/documents.ts';

const CASES = [
  ['c', 'client->lines += 1;', 'client->lines += 1 + end / (end - 3);', 'divide by zero'],
  [
    ...(['rust', 'client.lines += 1;'] as const),
    'client.lines += 1 + u32::from(data[end + 7 * usize::from(end == 3)]);',
    'index out of bounds',
  ],
] as const;

/** npx puts what packages bring first, such as a wasm-opt, which clang would let change what it has made. */
const asByNpx = `${path.join(root, 'node_modules/.bin')}:${process.env.PATH}`;
/** One that waits for what does not come says what did, and lets the others run. */
const LONGEST_MS = 100_000;

for (const [language, from, to, reason] of CASES) {
  test.serial(`a trap of a guest in ${language} is told with its line`, async (t) => {
    if (!hasCompiler(t, language)) return;
    t.timeout(LONGEST_MS);
    const author = await Author.start(t, language);
    const line =
      author
        .change(from, to)
        .split('\n')
        .findIndex((text) => text.includes(to)) + 1;
    const args = ['--log-format', 'json'];
    const running = await author.dev(t, { args, variables: { PATH: asByNpx } });
    t.teardown(() => t.passed || t.log(running.stdout, running.stderr));
    const client = await connect(running.address, { owner: t });
    await client.send('abc\n');
    await client.closed;
    const [, why, source] = await running.written(
      'stderr',
      /"reason":"([^"]*)".*?"source":"([^"]*)"/,
    );
    t.regex(why!, new RegExp(reason));
    t.regex(source!, new RegExp(`^${author.source}:${line}:\\d+`));
  });

  test.serial(
    `a guest in ${language} is built without what is for debuggers, with a map beside it`,
    async (t) => {
      if (!hasCompiler(t, language)) return;
      t.timeout(LONGEST_MS);
      const author = await Author.start(t, language);
      const { code, stderr } = await author.run('build');
      t.is(code, 0, stderr);
      const module = path.join(author.folder, 'build', 'redis.wasm');
      t.false(readFileSync(module, 'latin1').includes('.debug_'));
      t.true(parseModule(readFileSync(module)).custom.length > 0);
      const map = JSON.parse(readFileSync(`${module}.map`, 'utf8'));
      t.true(map.sources.includes(author.source));
      t.true(
        map.sources.every((name: string) => name === author.source || name.startsWith('~lib/')),
      );
      t.not(SourceLines.of(JSON.stringify(map)), null);
      t.true(statSync(module).size < 64 * 1024);
    },
  );
}

test('a line table that is cut short, or of another version, is refused', (t) => {
  const table = (...bytes: number[]): ReadonlyMap<string, Uint8Array> =>
    new Map([['.debug_line', Uint8Array.from(bytes)]]);
  t.deepEqual(lineRows(new Map()), []);
  t.throws(() => lineRows(table(9, 0, 0, 0)), { instanceOf: RangeError });
  t.throws(() => lineRows(table(2, 0, 0, 0, 6, 0)), { message: /version 6/ });
  t.throws(() => lineRows(table(8, 0, 0, 0, 4, 0, 1, 0, 0, 0, 1, 1)), { instanceOf: RangeError });
});
