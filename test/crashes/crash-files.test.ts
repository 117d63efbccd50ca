// Crash files: what a server keeps of callbacks that fail, in which bounds, and that nothing about their folder
// disturbs a connection.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { replay, replayRecording } from '../../host/testing/index.ts';
import { connect } from '../helpers/client.ts';
import { compiledGuest, small } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { overeating } from '../helpers/overeating.ts';
import { runCli, startCli, temporary, withoutPrivileges } from '../helpers/process.ts';
import { type Code, equal, get, guest, i32, unreachable, when } from '../helpers/wasm.ts';

/** What the log has said about files, and a promise of the next. */
class Log {
  readonly said: { readonly message: string; readonly fields: object }[] = [];
  #next: () => void = () => undefined;

  readonly debug = (): void => undefined;
  readonly info = this.debug;
  readonly error = this.debug;
  readonly warn = (fields: object, message: string): void => {
    if (!/kept/.test(message)) return;
    this.said.push({ message, fields });
    this.#next();
  };

  async has(count: number): Promise<void> {
    while (this.said.length < count) {
      await new Promise<void>((resolve) => {
        this.#next = resolve;
      });
    }
  }
}

async function serving(
  t: ExecutionContext,
  crashFolder: string,
  options: Partial<Parameters<typeof serve>[0]> = {},
): Promise<{ server: Server; log: Log; address: string }> {
  const log = new Log();
  const policy = { ...small, poolBytes: 4 << 20, callbackTimeoutMs: 200, ...options.policy };
  const server = await serve({
    ...{ protocol: hazard(), listen: '127.0.0.1:0', crashFolder, logger: log },
    ...options,
    policy,
  });
  t.teardown(() => server.drain());
  return { server, log, address: server.addresses[0]! };
}

async function fails(address: string, text: string): Promise<void> {
  const client = await connect(address);
  await client.send(text);
  await client.closed;
}

const read = (folder: string, number = 1) =>
  JSON.parse(readFileSync(path.join(folder, `crash-${number}.json`), 'utf8'));

for (const workers of [0, 1, 2]) {
  test(`with workers: ${workers} a trap is kept, for its owner alone, and comes again from the file`, async (t) => {
    const folder = temporary(t);
    const { log, address } = await serving(t, folder, { workers });
    const client = await connect(address, { owner: t });
    await client.send('abc');
    await client.readExactly(3);
    await client.send('Txyz');
    await client.closed;
    await log.has(1);
    t.deepEqual(readdirSync(folder), ['crash-1.json']);
    t.is(statSync(path.join(folder, 'crash-1.json')).mode & 0o777, 0o600);
    const file = read(folder);
    t.is(file.reason, 'unreachable');
    t.is(file.callback, 'on_data');
    // The count of on_data before this one.
    t.deepEqual(file.state, { version: 0, hex: '0100000000000000' });
    t.is(atob(file.bytes.base64), 'Txyz');
    t.regex(file.module.sha256, /^[\da-f]{64}$/);
    t.false(JSON.stringify(file).includes('127.0.0.1'), 'the peer is left out');
    const text = readFileSync(path.join(folder, 'crash-1.json'), 'utf8');
    t.true((await replay(text, hazard())).reproduced);
  });
}

for (const workers of [0, 1]) {
  test(`with workers: ${workers} a file has the connection as the guest knows it, and fails for it again`, async (t) => {
    // The second slot of the table, used for the first time.
    const maxConnections = 64;
    const handle = maxConnections + 1;
    const traps: Code = [[get(0), i32(handle), equal], when(unreachable)];
    const module = guest({ functions: { on_data: [traps, i32(0)] } });
    const folder = temporary(t);
    const options = { workers, protocol: module, policy: { maxConnections } };
    const { log, address } = await serving(t, folder, options);
    await connect(address, { owner: t });
    await fails(address, 'x');
    await log.has(1);
    t.is(read(folder).handle, handle);
    const text = readFileSync(path.join(folder, 'crash-1.json'), 'utf8');
    t.true((await replay(text, module)).reproduced);
  });
}

for (const workers of [1, 2]) {
  test(`with workers: ${workers} a hang is kept, though its thread is gone`, async (t) => {
    const folder = temporary(t);
    const { log, address } = await serving(t, folder, { workers });
    await fails(address, 'Hxyz');
    await log.has(1);
    const file = read(folder);
    t.is(file.reason, 'a callback did not return within 200 ms');
    t.is(atob(file.bytes.base64), 'Hxyz');
    t.deepEqual(file.state, { version: 0, hex: '0000000000000000' });
    const module = path.join(folder, 'hazard.wasm');
    writeFileSync(module, hazard());
    const args = ['replay', path.join(folder, 'crash-1.json'), module, '--timeout', '2s'];
    const { code, stdout } = await runCli(args);
    t.regex(stdout, /^reproduced: a callback did not return within 200 ms, in on_data\n$/);
    t.is(code, 0);
  });
}

for (const workers of [0, 1]) {
  test(`with workers: ${workers} a recording has what both connections did, for its owner alone`, async (t) => {
    const folder = temporary(t);
    const { server, log, address } = await serving(t, temporary(t), {
      ...{ workers, recordFolder: folder, protocol: compiledGuest('scripted') },
    });
    const witness = await connect(address, { owner: t });
    await witness.send('G 5;s .,x;');
    await witness.readExactly(1);
    await fails(address, 'G 2;T;');
    await log.has(2);
    await server.drain();
    t.deepEqual(readdirSync(folder), ['recording-1.jsonl']);
    const file = path.join(folder, 'recording-1.jsonl');
    t.is(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'utf8');
    t.is(text.match(/"callback":"on_open"/g)?.length, 2);
    t.true(text.includes('"text":"G 5;s .,x;"'));
    const { reproduced, diverged } = await replayRecording(text, compiledGuest('scripted'));
    t.deepEqual([reproduced, diverged], [true, null]);
  });
}

test('of a hang there is a recording, though its thread is gone, and it hangs again', async (t) => {
  const folder = temporary(t);
  const { log, address } = await serving(t, temporary(t), { recordFolder: folder });
  await fails(address, 'Hxyz');
  await log.has(2);
  const module = path.join(folder, 'hazard.wasm');
  writeFileSync(module, hazard());
  const args = ['replay', path.join(folder, 'recording-1.jsonl'), module, '--timeout', '2s'];
  const { code, stdout } = await runCli(args);
  t.regex(stdout, /^reproduced: a callback did not return within 200 ms, in on_data\n$/);
  t.is(code, 0);
});

test('the same is kept once, other things up to ten times, and everybody else is served meanwhile', async (t) => {
  const folder = temporary(t);
  const { log, address } = await serving(t, folder, { protocol: overeating(), workers: 2 });
  const witness = await connect(address, { owner: t });
  for (let number = 0; number < 16; number += 1) {
    for (let times = 0; times < 3; times += 1) {
      await fails(address, String.fromCharCode(number));
      await witness.send('z');
      await witness.readExactly(1);
    }
    // What is being written while others fail is finished first.
    await log.has(Math.min(number + 1, 11));
  }
  t.is(readdirSync(folder).length, 10);
  const kept = readdirSync(folder).map((_, index) => read(folder, index + 1).reason);
  t.is(new Set(kept).size, 10);
  const last = log.said.at(-1)!;
  t.is(log.said.length, 11, 'that the folder is full is said once');
  t.regex((last.fields as { reason: string }).reason, /has 10 crash files; remove those/);
});

test('without crashBytes no data is kept, and nothing can be replayed', async (t) => {
  const folder = temporary(t);
  const { log, address } = await serving(t, folder, { policy: { crashBytes: 0 } });
  await fails(address, 'Tsecret');
  await log.has(1);
  const { state, bytes, cut } = read(folder);
  t.deepEqual([state.hex, bytes.base64, bytes.length, cut], [null, null, 7, true]);
  const file = path.join(folder, 'crash-1.json');
  const { code, stdout } = await runCli(['replay', file, 'echo']);
  t.is(code, 3);
  t.regex(stdout, /^not reproduced: .*\n(?:.*\n)* {2}now: the file lacks data/);
});

test('after a swap the file names the module that failed', async (t) => {
  const folder = temporary(t);
  const { server, log, address } = await serving(t, folder, { protocol: overeating() });
  await fails(address, '\0');
  await log.has(1);
  // One byte differs, which nothing depends on.
  await server.swap(Uint8Array.from([...overeating(), 0, 1, 0]));
  await fails(address, '\u0001');
  await log.has(2);
  t.not(read(folder, 1).module.sha256, read(folder, 2).module.sha256);
});

test('a folder that is not there, or is none, is refused at the start', async (t) => {
  const folder = temporary(t);
  const options = { protocol: 'echo', listen: '127.0.0.1:0' };
  const none = path.join(folder, 'none');
  await t.throwsAsync(serve({ ...options, crashFolder: none }), {
    code: 'ERR_OPTION',
    message: /^crashFolder '.*none': there is no such folder; make it$/,
  });
  writeFileSync(none, '');
  await t.throwsAsync(serve({ ...options, crashFolder: none }), { message: /it is no folder$/ });
  await t.throwsAsync(serve({ ...options, crashFolder: '' }), { message: /must be the path/ });
});

test('a config file names a folder as it sees it, and check says its line when there is none', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 'services.toml');
  writeFileSync(
    file,
    '[service.one]\nprotocol = "echo"\nlisten = "127.0.0.1:0"\ncrashFolder = "crashes"\n',
  );
  const { code, stderr } = await runCli(['check', '--config', file]);
  t.is(code, 1);
  t.regex(
    stderr,
    /services\.toml:4: .*crashFolder '.*\/crashes': there is no such folder; make it\n$/,
  );
  mkdirSync(path.join(folder, 'crashes'));
  t.is((await runCli(['check', '--config', file])).code, 0);
});

const spoils: readonly (readonly [what: string, spoil: (folder: string) => void, why: RegExp])[] = [
  ['was removed', (folder) => rmSync(folder, { recursive: true }), /ENOENT/],
  [
    'was replaced by a file',
    (folder) => {
      rmSync(folder, { recursive: true });
      writeFileSync(folder, '');
    },
    /ENOTDIR/,
  ],
];

for (const [what, spoil, why] of spoils) {
  test(`a folder that ${what} later is told of once, and costs nobody but whom the trap costs`, async (t) => {
    const folder = path.join(temporary(t), 'crashes');
    mkdirSync(folder);
    const { log, address } = await serving(t, folder);
    spoil(folder);
    const witness = await connect(address, { owner: t });
    await fails(address, 'T1');
    await log.has(1);
    await fails(address, 'T2');
    t.regex((log.said[0]!.fields as { reason: string }).reason, why);
    await witness.send('abc');
    t.is(String(await witness.readExactly(3)), 'abc');
    t.is(log.said.length, 1);
  });
}

test('links that somebody has put there are not followed, and files stay as they are', async (t) => {
  const folder = temporary(t);
  const crashes = path.join(folder, 'crashes');
  const [victim, missing] = [path.join(folder, 'victim'), path.join(folder, 'missing')];
  mkdirSync(crashes);
  writeFileSync(victim, 'precious');
  symlinkSync(victim, path.join(crashes, 'crash-1.json'));
  symlinkSync(missing, path.join(crashes, 'crash-2.json'));
  symlinkSync(victim, path.join(crashes, 'crash-3.json.tmp'));
  symlinkSync(missing, path.join(crashes, 'crash-4.json.tmp'));
  const { log, address } = await serving(t, crashes);
  await fails(address, 'T');
  await log.has(1);
  t.is(readFileSync(victim, 'utf8'), 'precious');
  t.false(existsSync(missing));
  t.is(read(crashes, 4).reason, 'unreachable');
});

test('a full disk leaves no half of a file, and everybody else is served', async (t) => {
  const folder = temporary(t);
  const module = path.join(folder, 'hazard.wasm');
  const crashes = path.join(folder, 'crashes');
  writeFileSync(module, hazard());
  mkdirSync(crashes);
  const args = [module, '--listen', '127.0.0.1:0', '--crash-folder', crashes];
  const server = await startCli(t, args, { prefix: ['prlimit', '--fsize=100'] });
  const witness = await connect(server.address, { owner: t });
  await fails(server.address, 'T');
  await server.written('stderr', /not kept/);
  t.regex(server.stderr, /EFBIG/);
  t.deepEqual(readdirSync(crashes), []);
  await witness.send('abc');
  t.is(String(await witness.readExactly(3)), 'abc');
});

test('a folder that may not be written to is refused at the start', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  const folder = path.join(temporary(t), 'crashes');
  mkdirSync(folder, { mode: 0o500 });
  const args = ['echo', '--listen', '127.0.0.1:0', '--crash-folder', folder];
  const { code, stderr } = await runCli(args, { prefix });
  t.is(code, 1);
  t.regex(stderr, /^wasmpoll: crashFolder '.*': EACCES: [^\n]+\n$/);
});
