// Protocols: where a module can come from, and how the command line refuses what is not one.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { bundledProtocols, resolveProtocol } from '../../host/module/source.ts';
import { connect } from '../helpers/client.ts';
import { refused, runCli, startCli, temporary, withoutPrivileges } from '../helpers/process.ts';
import { guest, i32, rawModule, unreachable } from '../helpers/wasm.ts';

const echo = fileURLToPath(new URL('../../protocols/echo.wasm', import.meta.url));
const MOST = 64 * 1024 * 1024;
const bytes = readFileSync(echo);

function write(t: ExecutionContext, content: Uint8Array | string, name = 'guest.wasm'): string {
  const file = path.join(temporary(t), name);
  writeFileSync(file, content);
  return file;
}

const refusal = async (t: ExecutionContext, args: string[], line: RegExp): Promise<void> =>
  refused(t, await runCli(['--listen', '127.0.0.1:0', ...args]), 1, line);

test('the bundled protocols are listed', async (t) => {
  t.true((await bundledProtocols()).includes('echo'));
});

test('a name, a path and a file: URL are resolved to bytes and a name for messages', async (t) => {
  const copy = write(t, bytes, 'a b#é.wasm');
  const sources: [string | URL, string, string][] = [
    ['echo', 'echo', echo],
    [copy, 'a b#é.wasm', copy],
    [pathToFileURL(copy), 'a b#é.wasm', copy],
    [pathToFileURL(copy).href, 'a b#é.wasm', copy],
    [pathToFileURL(echo).href.replace('file://', 'FILE:'), 'echo.wasm', echo],
  ];
  for (const [source, name, file] of sources) {
    const folder = path.dirname(file);
    t.deepEqual(await resolveProtocol(source, MOST), { name, source: bytes, folder });
  }
});

test('bytes and modules are taken as they are', async (t) => {
  for (const source of [bytes, new WebAssembly.Module(bytes)]) {
    const found = await resolveProtocol(source, 1);
    t.is(found.name, 'guest');
    t.is(found.source, source);
  }
});

test('a URL that is not a file is refused', async (t) => {
  for (const url of ['http://x/y.wasm', 'data://x', 'file://host/x.wasm', 'file:///a%2fb']) {
    await t.throwsAsync(resolveProtocol(url, MOST), {
      code: 'ERR_MODULE',
      message: new RegExp(`^protocol '${url}': `),
    });
  }
  const url = new URL('data:application/wasm;base64,AGFzbQEAAAA=');
  await t.throwsAsync(resolveProtocol(url, MOST), {
    code: 'ERR_MODULE',
    message: /only file: URLs can be read$/,
  });
});

test('it serves a module by relative path, absolute path and file: URL', async (t) => {
  const folder = temporary(t);
  copyFileSync(echo, path.join(folder, 'mine.wasm'));
  const file = path.join(folder, 'mine.wasm');
  for (const protocol of ['./mine.wasm', 'mine.wasm', file, pathToFileURL(file).href]) {
    const server = await startCli(t, ['--listen', '127.0.0.1:0', protocol], { cwd: folder });
    const client = await connect(server.address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(5)), 'hello', protocol);
    server.kill('SIGKILL');
    await server.exited;
  }
});

test('what is not a readable file is refused, each for its own reason', async (t) => {
  const folder = temporary(t);
  const fifo = path.join(folder, 'fifo.wasm');
  execFileSync('mkfifo', [fifo]);
  mkdirSync(path.join(folder, 'folder.wasm'));
  await refusal(t, ['ecco'], /'ecco': no bundled protocol of that name \(.*echo.*\); for a file/);
  await refusal(t, [''], /'': no bundled protocol/);
  await refusal(t, ['__proto__'], /'__proto__': no bundled protocol/);
  await refusal(t, [`${folder}/none.wasm`], /none\.wasm': no such file/);
  await refusal(t, [`${echo}/x.wasm`], /x\.wasm': no such file/);
  await refusal(t, [path.join(folder, 'folder.wasm')], /folder\.wasm': is a folder/);
  await refusal(t, [folder], /: is a folder/);
  await refusal(t, [fifo], /fifo\.wasm': is not a regular file/);
  await refusal(t, ['/dev/zero'], /'\/dev\/zero': is not a regular file/);
  await refusal(t, ['https://example.com/x.wasm'], /only file: URLs can be read/);
});

test('a file that must not be read is refused', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  const file = write(t, bytes);
  chmodSync(file, 0);
  const outcome = await runCli(['--listen', '127.0.0.1:0', file], { prefix });
  refused(t, outcome, 1, /guest\.wasm': no permission to read it/);
});

test('a file larger than --max-module is refused, one of just that size is served', async (t) => {
  const most = String(bytes.length);
  await startCli(t, ['--listen', '127.0.0.1:0', '--max-module', most, echo]);
  const less = String(bytes.length - 1);
  await refusal(
    t,
    ['--max-module', less, echo],
    new RegExp(`has ${most} bytes, over ${less}; make the module smaller or raise maxModuleBytes`),
  );
});

test('what is not a module is refused', async (t) => {
  const file = (content: Uint8Array | string) => [write(t, content)];
  await refusal(t, file(''), /guest\.wasm: empty file: 0 bytes; give a compiled/);
  await refusal(t, file('export function on_data() {}\n'), /guest\.wasm: not a module: /);
  await refusal(t, file('\0as'), /guest\.wasm: truncated: /);
  await refusal(t, file(bytes.subarray(0, 8)), /guest\.wasm: .*missing/);
  await refusal(t, file(bytes.subarray(0, bytes.length - 7)), /guest\.wasm: (truncated|engine): /);
  await refusal(t, file(bytes.subarray(0, bytes.length >> 1)), /guest\.wasm: truncated: /);
  await refusal(t, file(rawModule([99, 0])), /guest\.wasm: unsupported: section id 99/);
});

test('a module for another host is refused, with the rule that it breaks', async (t) => {
  const file = (spec: Parameters<typeof guest>[0]) => [write(t, guest(spec))];
  await refusal(
    t,
    file({ functions: { wasmpoll_abi_1: null, wasmpoll_abi_2: [] } }),
    /guest\.wasm: ABI version: the guest has ABI 2, newer than ABI 1/,
  );
  await refusal(
    t,
    file({ functions: { wasmpoll_abi_1: null } }),
    /missing export: wasmpoll_abi_1; /,
  );
  await refusal(t, file({ functions: { on_data: null } }), /missing export: on_data; /);
  await refusal(t, file({ memory: null }), /missing export: memory; /);
  await refusal(
    t,
    file({ imports: { 'env.system': '(i32) -> i32' } }),
    /import not allowed: env\.system; /,
  );
  await refusal(
    t,
    file({ functions: { on_open: { type: '() -> ()', body: [] } } }),
    /export type: on_open is \(\) -> \(\), not \(i32, i32\) -> \(\)/,
  );
});

test('a memory over the limit is refused, and the limit can be raised', async (t) => {
  const file = write(t, guest({ memory: { min: 1025 } }));
  await refusal(t, [file], /memory limit: it starts with 67174400 bytes, over 67108864; /);
  await startCli(t, ['--listen', '127.0.0.1:0', '--guest-memory', '65MiB', file]);
});

test('a guest that fails at its start is refused before anything is listening', async (t) => {
  const file = (functions: NonNullable<Parameters<typeof guest>[0]>['functions']) => [
    write(t, guest({ functions: functions! })),
  ];
  await refusal(t, file({ _initialize: unreachable }), /unreachable/);
  await refusal(t, file({ allocate: [i32(0)] }), /guest\.wasm.*allocate|allocate.*memory/);
  await refusal(t, file({ allocate: [i32(-16)] }), /allocate/);
  await refusal(t, file({ state_size: [i32(-1)] }), /state/);
});
