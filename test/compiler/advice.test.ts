import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { advise, type Language, type Named } from '../../host/compiler/advice.ts';
import { lineOf } from '../../host/compiler/diagnostics.ts';
import { stampOf } from '../../host/compiler/files.ts';
import { Sources } from '../../host/compiler/places.ts';
import { optionalExports, requiredExports } from '../../host/module/interface.ts';
import { document } from '../helpers/documents.ts';
import { type Owner, temporary } from '../helpers/process.ts';

const all = Object.keys(requiredExports);

/** What is said of a guest with these names, and this source. */
function said(
  t: Owner,
  { imports = [], exports = all }: { imports?: readonly string[]; exports?: readonly string[] },
  source = '',
  language: Language = 'as',
): string[] {
  const folder = temporary(t);
  const file = path.join(folder, 'mine.ts');
  writeFileSync(file, source);
  const module: Named = {
    imports: imports.map((full) => {
      const at = full.indexOf('.');
      return { module: full.slice(0, at), name: full.slice(at + 1) };
    }),
    exports: exports.map((name) => ({ name, kind: name === 'memory' ? 'memory' : 'function' })),
  };
  const sources = new Sources(folder, { [file]: stampOf(file) });
  return advise(module, sources, language).map(lineOf);
}

test('nothing is said of a guest that has what it needs, and exports more', (t) => {
  const exports = [...all, ...Object.keys(optionalExports), '__new', 'helper', 'onward', 'total'];
  t.deepEqual(said(t, { imports: ['wasmpoll.send', 'env.abort'], exports }), []);
});

test('an export that looks like a callback is warned about, with the name that was meant', (t) => {
  const meant = {
    ...{ onClose: 'on_close', on_conn: 'on_open', onConnect: 'on_open', on_disconnect: 'on_close' },
    ...{
      on_timeout: 'on_timer',
      on_eof: 'on_end',
      on_writable: 'on_drain',
      stateSize: 'state_size',
    },
    ...{ on_restor: 'on_restore', onmessage: 'on_message', on_migrate: 'migrate' },
  };
  for (const [name, callback] of Object.entries(meant)) {
    t.deepEqual(said(t, { exports: [...all, name] }, `\nexport function ${name}() {}`), [
      `mine.ts:2:17: warning: the host never calls ${name}: did you mean ${callback}?`,
    ]);
  }
});

test('a guest that joins topics and has no on_message is warned about', (t) => {
  const joins = { imports: ['wasmpoll.join'] };
  const source = 'export function on_open(): void {\n  connection.join(room);\n}\n';
  t.deepEqual(said(t, joins, source), [
    'mine.ts:2:14: warning: join is called, but the guest exports no on_message: messages are lost',
  ]);
  const exports = [...all, 'on_message', 'on_missed'];
  t.deepEqual(said(t, { ...joins, exports }, source), []);
  t.is(said(t, { ...joins, exports: [...all, 'onMessage'] }, source).length, 1);
  t.deepEqual(said(t, { imports: ['wasmpoll.publish'] }, source), []);
});

test('an export beside the callback that it resembles is left alone', (t) => {
  t.deepEqual(said(t, { exports: [...all, 'on_close', 'onClose'] }), []);
});

test('a missing export is told with what to write in the language', (t) => {
  const without = (name: string): string[] => all.filter((one) => one !== name);
  for (const [language, text] of [
    ['as', "write export * from 'wasmpoll/assembly/guest'"],
    ['rust', 'write wasmpoll::export!(Type) once, with mod wasmpoll of wasmpoll.rs'],
    ['c', 'write WASMPOLL_GUEST once, after #include "wasmpoll.h"'],
  ] as const) {
    t.deepEqual(said(t, { exports: without('allocate') }, '', language), [
      `the guest exports no allocate: ${text}`,
    ]);
  }
  t.deepEqual(said(t, { exports: without('on_data') }), [
    'the guest exports no on_data: it gets the bytes',
  ]);
  t.deepEqual(
    said(t, { exports: [...without('on_data'), 'onReceive'] }, 'export function onReceive() {}'),
    ['mine.ts:1:17: onReceive is exported: did you mean on_data?'],
  );
});

test('what JavaScript has and a guest has not is told with its place, and what to use instead', (t) => {
  const source = `// trace( console.log Math.random Date.now
const text = "Math.random";
trace("x"); console.log("y");
Math.random(); Date.now(); performance.now(); process.exit(1);`;
  const imports = ['env.trace', 'env.console.log', 'env.seed', 'env.Date.now'];
  imports.push('env.performance.now', 'env.process.exit');
  const lines = said(t, { imports }, source);
  const kit = document('assembly/kit.ts');
  for (const line of lines) {
    const [, name, from] = /: use (\w+)(?:\(.*\))? of '([\w/]+)'/.exec(line)!;
    t.is(from, 'wasmpoll/assembly/kit');
    t.regex(kit, new RegExp(`^(?:export \\{.*\\b| +)${name}\\b`, 'm'), line);
  }
  t.deepEqual(
    lines.map((line) => line.replace(/: use .*/, '')),
    [
      'mine.ts:3:1: a guest has no trace()',
      'mine.ts:3:13: a guest has no console',
      'mine.ts:4:1: a guest has no Math.random',
      'mine.ts:4:16: a guest has no Date.now',
      'mine.ts:4:28: a guest has no performance.now',
      'mine.ts:4:47: a guest has no process',
    ],
  );
});

test('an unknown host function is told with its place, and the one that was meant', (t) => {
  t.deepEqual(said(t, { imports: ['wasmpoll.sendd'] }, 'sendd(1, 2, 3);'), [
    'mine.ts:1:1: the host has no function sendd: did you mean send?',
  ]);
  t.deepEqual(said(t, { imports: ['mine.fetch'] }), [
    'the host has no function fetch: docs/abi.md lists what there is',
  ]);
});

test('what is known of WASI is left to the loader, which says more', (t) => {
  t.deepEqual(said(t, { imports: ['wasi_snapshot_preview1.fd_read'] }), []);
});

const state = (size: string, fields = 'lines!: i32;'): string => `@unmanaged
class Client extends Session {
  ${fields}
}
${size}
export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {`;

test('a state class without state_size is warned about, with what to write', (t) => {
  t.deepEqual(said(t, {}, state('// stateSize<Client>()')), [
    'mine.ts:2:1: warning: clients have no Client of their own: export state_size, which returns stateSize<Client>()',
  ]);
  t.deepEqual(said(t, {}, state('', '')), []);
  t.deepEqual(said(t, {}, state(''), 'c'), []);
});

test('a state_size without room for the state class is warned about', (t) => {
  const exports = [...all, 'state_size'];
  t.deepEqual(said(t, { exports }, state('const size = stateSize<Session>();')), [
    'mine.ts:5:14: warning: state_size has no room for Client: return stateSize<Client>()',
  ]);
  t.deepEqual(said(t, { exports }, state('const size = stateSize<Client>(8);')), []);
  t.deepEqual(said(t, { exports }, state('const size = 64;')), []);
  const both = 'const a = stateSize<Session>(), b = stateSize<Other>();';
  t.deepEqual(said(t, { exports }, state(both)), [], 'another class is the one in use');
});

test('a field of a state class that is no number is warned about', (t) => {
  const exports = [...all, 'state_size'];
  const fields = ['name!: string', 'last: Bytes | null = null', 'private seen!: Map<i32, i32>'];
  for (const field of fields) {
    const name = /(\w+)!?:/.exec(field)!;
    t.deepEqual(said(t, { exports }, state('', `lines!: i32;\n  ${field};`)), [
      `mine.ts:4:${3 + name.index}: warning: ${name[1]} is no number: a state block keeps the bytes of tail, and nothing that is elsewhere`,
    ]);
  }
  const method = 'get(name: string): i32 { return 0; }';
  for (const innocent of [
    'name(): i32 { const whole: Bytes = tail(this, 32); return whole.length; }',
    "say(text: string = 'x'): void {}",
    "static greeting: string = 'hello'",
    'static readonly words: Array<i32> = []',
  ]) {
    t.deepEqual(said(t, { exports }, state('', `lines!: i32;\n  ${innocent};`)), [], innocent);
  }
  t.deepEqual(said(t, { exports }, state('class Other { name: string = ""; }', method)), []);
});
