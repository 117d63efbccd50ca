// The harness itself: what a protocol's author sees, and that it runs where Node does not.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { REASON_PEER } from '../../assembly/abi.ts';
import { Guest } from '../../host/guest/guest.ts';
import { Clock } from '../../host/kernel/clock.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { harness, WasmpollError } from '../../host/testing/harness.ts';
import { echo, echoModule, logged, open, scripted } from '../helpers/guests.ts';
import { call, drop, get, guest, i32, memoryGrow, unreachable, when } from '../helpers/wasm.ts';

test('an echo test is three lines', async (t) => {
  const server = await harness(echoModule());
  const peer = server.connect();
  peer.send('hello');
  t.is(peer.text(), 'hello');
});

test('every byte value comes back', async (t) => {
  const peer = (await echo()).connect();
  const all = Uint8Array.from({ length: 256 }, (_, value) => value);
  peer.send(all);
  t.deepEqual(peer.received(), all);
  t.deepEqual(peer.received(), new Uint8Array(0));
});

test('send tells how much there was room for', async (t) => {
  const server = await scripted();
  const peer = open(server, 'P .;', 10);
  t.is(peer.send('0123456'), 7);
  t.is(peer.send('0123456'), 3);
  t.is(peer.send('0123456'), 0);
  t.is(peer.send(''), 0);
});

test('send after a reset is refused with a negative number', async (t) => {
  const server = await scripted();
  const peer = open(server, 'x .,1;');
  t.true(peer.send('x') < 0);
  t.true(peer.send('x') < 0);
});

test('a mebibyte goes through in one send', async (t) => {
  const peer = (await echo()).connect();
  const input = Uint8Array.from({ length: 1 << 20 }, (_, index) => index % 251);
  t.is(peer.send(input), input.length);
  t.deepEqual(peer.received(), input);
});

test('stats count connections, bytes and messages', async (t) => {
  const server = await echo();
  const peer = server.connect();
  peer.send('hello');
  peer.end();
  t.is(peer.closeReason, REASON_PEER);
  t.deepEqual(server.stats(), {
    connections: { open: 0, total: 1, refused: 0 },
    bytesIn: 5,
    bytesOut: 5,
    messages: 1,
    backlogBytes: 0,
    poolBytes: 0,
    guestMemoryBytes: 3 * 65_536,
    errors: {},
    guestTraps: 0,
    logLinesDropped: 0,
    histograms: null,
    guest: {},
    shared: {
      ...{ topics: 0, members: 0, retained: 0, groupBytes: 0 },
      ...{ keys: 0, storeBytes: 0, queueBytes: 0, pending: 0 },
      ...{ published: 0, delivered: 0, missed: 0, leftOut: 0, poisoned: 0 },
    },
    engines: { ready: true, store: null, topics: null },
  });
});

test('the clock stands still until it is advanced', async (t) => {
  const server = await echo();
  t.is(server.now, 1);
  server.connect().send('x');
  t.is(server.now, 1);
  server.advance(41);
  t.is(server.now, 42);
});

test('a setting that does not exist or is out of range is refused by code', async (t) => {
  for (const policy of [{ maxFrameBytes: -1 }, { lowWaterBytes: 1 << 30 }, { nonsense: 1 }]) {
    await t.throwsAsync(harness(echoModule(), { policy }), {
      instanceOf: WasmpollError,
      code: 'ERR_POLICY',
    });
  }
});

test('more connections with state than a segment can hold are refused by code', async (t) => {
  const policy = { maxConnections: 1 << 20, maxStateBytes: 8192 };
  const module = guest({ functions: { state_size: [i32(4096)] } });
  await t.throwsAsync(harness(module, { policy }), {
    code: 'ERR_POLICY',
    message:
      /1048576 connections with 4096 bytes of state each .* lower maxConnections or poolBytes/,
  });
});

test('what is not a guest is refused by code', async (t) => {
  await t.throwsAsync(harness(new Uint8Array(8)), { code: 'ERR_MODULE' });
});

const startups: Record<string, [Uint8Array, RegExp]> = {
  'a trap in _initialize': [guest({ functions: { _initialize: unreachable } }), /unreachable/],
  'a trap in the start function': [
    guest({ functions: { begin: unreachable }, start: 'begin' }),
    /unreachable/,
  ],
  'an abort in _initialize': [
    guest({ functions: { _initialize: [i32(0), i32(0), i32(3), i32(4), call('abort')] } }),
    /abort: no message at unknown file:3:4/,
  ],
  'no memory for the window': [guest({ functions: { allocate: [i32(0)] } }), /out of memory/],
  'a window that is not aligned': [guest({ functions: { allocate: [i32(4104)] } }), /not 16-byte/],
  'a window outside the memory': [
    guest({ functions: { allocate: [i32(65_536)] } }),
    /outside its memory/,
  ],
  'a window at a negative address': [
    guest({ functions: { allocate: [i32(-16)] } }),
    /returned 4294967280, outside its memory/,
  ],
  'a state block in the window': [
    guest({ functions: { allocate: [i32(4096)], state_size: [i32(16)] }, memory: { min: 4 } }),
    /overlapping/,
  ],
  'a state that is too large': [guest({ functions: { state_size: [i32(4097)] } }), /4097 bytes/],
  'a negative state size': [guest({ functions: { state_size: [i32(-1)] } }), /4294967295 bytes/],
};
for (const [name, [module, message]] of Object.entries(startups)) {
  test(`start-up with ${name} is refused`, async (t) => {
    const error = await t.throwsAsync(harness(module, { name: 'mine' }), { code: 'ERR_GUEST' });
    t.regex(error!.message, /^mine: start-up failed: /);
    t.regex(error!.message, message);
  });
}

test('host functions do nothing in start-up, and growing memory there is fine', async (t) => {
  const module = guest({
    functions: {
      _initialize: [
        ...[i32(3), memoryGrow, drop],
        ...[i32(1), i32(0), i32(5), call('log')],
        ...[i32(1), i32(0), i32(5), call('send'), i32(-4), [0x47], when(unreachable)],
      ],
      on_data: [get(0), get(2), get(3), call('send'), drop, get(3)],
    },
  });
  const server = await harness(module);
  const peer = server.connect();
  peer.send('started');
  t.is(peer.text(), 'started');
  t.deepEqual(server.logs, []);
});

test('the receive window and the state block are zeroed at the start', async (t) => {
  const policy = resolvePolicy({ receiveWindowBytes: 2048, maxFrameBytes: 1024 });
  const module = guest({
    functions: { state_size: [i32(100)] },
    data: [{ at: 4096, bytes: 'x'.repeat(4000) }],
  });
  const made = new Guest(await loadModule(module, policy), policy, {
    clock: new Clock(
      () => 1,
      () => 0,
    ),
    random: () => undefined,
    log: () => undefined,
  });
  t.true(made.memory.read(made.window, 2048).every((byte) => byte === 0));
  t.true(made.memory.read(made.state, 100).every((byte) => byte === 0));
  t.is(made.state % 16, 0);
});

test('the address that a guest sees is the one that was given', async (t) => {
  const server = await scripted();
  server.connect({ address: '[::1]:7' }).send('a .,24;');
  t.is(logged(server)[2], `[::1]:7${'.'.repeat(17)}`);
});

// Log lines.

test('levels are kept, those that do not exist are errors', async (t) => {
  const server = await scripted();
  open(server, 'q;').send('l 0,a;l 1,b;l 2,c;l 3,d;l 4,e;l -1,f;');
  t.deepEqual(
    server.logs.slice(1).filter(({ text }) => text.length === 1),
    [
      { level: 0, text: 'a' },
      { level: 1, text: 'b' },
      { level: 2, text: 'c' },
      { level: 3, text: 'd' },
      { level: 3, text: 'e' },
      { level: 3, text: 'f' },
    ],
  );
});

test('control characters, line ends and broken UTF-8 cannot forge a log line', async (t) => {
  const server = await scripted();
  const text = 'l 1,a\nb\r\u001b[31m\u0000\u0085\u2028\u202eé☃;';
  open(server, 'q;').send(text);
  t.is(server.logs.at(-1)!.text, 'a\\x0ab\\x0d\\x1b[31m\\x00\\x85\\u2028\\u202eé☃');
  open(server, 'q;').send(Uint8Array.of(0x6c, 0x31, 0x2c, 0xff, 0xc3, 0x3b));
  t.is(server.logs.at(-1)!.text, '\ufffd\ufffd');
});

test('a log line is cut at 4,096 bytes', async (t) => {
  const server = await scripted();
  open(server, 'q;').send(`l 1,${'x'.repeat(5000)};`);
  t.is(server.logs.at(-1)!.text, 'x'.repeat(4096));
});

test('log lines over the limit of a second are dropped and counted', async (t) => {
  const server = await scripted({ policy: { logLinesPerSecond: 10 } });
  const peer = open(server, 'q;');
  peer.send('* 25{l 1,x;}');
  t.is(server.logs.length, 10);
  t.is(server.stats().logLinesDropped, 16);
  server.advance(1000);
  peer.send('l 1,again;');
  t.is(server.logs.at(-1)!.text, 'again');
});

// Where Node does not run.

const root = fileURLToPath(new URL('../../', import.meta.url));

test('the harness works with nothing but what every browser page has', async (t) => {
  const { execFileSync } = await import('node:child_process');
  const script = `
    import { readFileSync } from 'node:fs';
    import { dirname, resolve } from 'node:path';
    import vm from 'node:vm';
    const [entry, guest] = process.argv.slice(1);
    const outer = new TextEncoder();
    const context = vm.createContext({ outer, TextDecoder, setTimeout, clearTimeout, performance });
    // Its arrays are those of the page.
    vm.runInContext('TextEncoder = class { encode(text) { return Uint8Array.from(outer.encode(text)); } }', context);
    vm.runInContext('delete globalThis.SharedArrayBuffer', context);
    const modules = new Map();
    function load(path) {
      if (!modules.has(path)) {
        const source = readFileSync(path, 'utf8');
        modules.set(path, new vm.SourceTextModule(source, { context, identifier: path }));
      }
      return modules.get(path);
    }
    const testing = load(entry);
    await testing.link((specifier, from) => {
      if (!specifier.startsWith('.')) throw new Error(from.identifier + ' imports ' + specifier);
      return load(resolve(dirname(from.identifier), specifier));
    });
    await testing.evaluate();
    Object.assign(context, testing.namespace);
    context.bytes = vm.runInContext('(array) => Uint8Array.from(array)', context)([...readFileSync(guest)]);
    const answer = await vm.runInContext(\`(async () => {
      const server = await harness(bytes, { policy: { idleTimeoutMs: 1000 } });
      const peer = server.connect({ bufferBytes: 3 });
      peer.send('hel'); const first = peer.text(); peer.send('lo'); const second = peer.text();
      server.advance(1000);
      const [store, topics] = [new TestStore(), new TestBus()];
      const both = [await harness(bytes, { store, topics }), await harness(bytes, { store, topics })];
      store.hold();
      const put = both[0].store.put('k', 'v').catch((error) => error.code);
      both[0].advance(5000);
      const heard = [];
      both[1].subscribe('room', (data) => heard.push(new TextDecoder().decode(data)));
      both[0].publish('room', 'carried');
      const globals = [typeof SharedArrayBuffer, typeof process, typeof Buffer, typeof require];
      return [first + second, peer.state, await put, ...heard, ...globals].join(' ');
    })()\`, context);
    process.stdout.write(answer + ' ' + [...modules.keys()].length);
  `;
  const flags = ['--experimental-vm-modules', '--no-warnings', '--input-type=module', '-e', script];
  const files = [`${root}host/testing/harness.js`, `${root}protocols/echo.wasm`];
  const output = execFileSync(process.execPath, [...flags, ...files], { encoding: 'utf8' });
  t.regex(output, /^hello ended ERR_UNKNOWN carried undefined undefined undefined undefined \d+$/);
});

test('no module of the harness names anything of Node', (t) => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(file, 'utf8');
    t.notRegex(
      source,
      /\bnode:|\bBuffer\.|\bprocess\.|\brequire\(|\b__dirname\b|\bimport\.meta/,
      file,
    );
    for (const [, specifier] of source.matchAll(/\bfrom\s+['"]([^'"]+)['"]|\bimport\(\s*['"]/g)) {
      if (specifier === undefined || !specifier.startsWith('.')) t.fail(`${file}: ${specifier}`);
      else visit(fileURLToPath(new URL(specifier, `file://${file}`)));
    }
  };
  visit(`${root}host/testing/harness.js`);
  t.true(seen.size > 10);
});

test('connections may be kept in shared memory', async (t) => {
  const server = await echo({ buffer: SharedArrayBuffer });
  const peer = server.connect({ bufferBytes: 2 });
  peer.send('sh');
  t.is(peer.text(), 'sh');
  peer.send('ar');
  peer.send('ed');
  peer.end();
  t.is(peer.text(), 'ared');
});
