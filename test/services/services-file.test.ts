// Services files: what is read, and one line with file, line and remedy for each mistake.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { nearest } from '../../host/nearest.ts';
import { ConfigError, readServices, type Services } from '../../host/services/services-file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-config-'));
test.after.always(() => rmSync(folder, { recursive: true }));

let files = 0;
function written(text: string | Uint8Array, ending = '.toml'): string {
  files += 1;
  const file = path.join(folder, `${files}${ending}`);
  writeFileSync(file, text);
  return file;
}

/** The lines about a text, without the file's name. */
function problems(text: string | Uint8Array, ending?: string): string[] {
  const file = written(text, ending);
  try {
    readServices(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((line) => line.replace(`${file}:`, ''));
  }
  return [];
}

const TOML = `
logLevel = "warn"

[service.chat]
protocol = "chat"   # bundled
listen = ["127.0.0.1:7000", "unix:/run/chat.sock"]
workers = "auto"
config = """
[not a table]
key = 1
"""

[service.chat.policy]
idleTimeoutMs = "5m"
maxFrameBytes = 4096

[service."mine"]
protocol = "./mine.wasm"
listen = "127.0.0.1:7001"
configFile = "mine.txt"
`;

const JSON_TEXT = `{
  "logLevel": "warn",
  "service": {
    "chat": {
      "protocol": "chat",
      "listen": ["127.0.0.1:7000", "unix:/run/chat.sock"],
      "workers": "auto",
      "config": "[not a table]\\nkey = 1\\n",
      "policy": { "idleTimeoutMs": "5m", "maxFrameBytes": 4096 }
    },
    "mine": {
      "protocol": "./mine.wasm",
      "listen": "127.0.0.1:7001",
      "configFile": "mine.txt"
    }
  }
}
`;

test('TOML and JSON with the same content are the same configuration', (t) => {
  const read = (text: string, ending: string) => {
    const { at: _, ...config }: Services = readServices(written(text, ending));
    return config;
  };
  const config = read(TOML, '.toml');
  t.deepEqual(config, read(JSON_TEXT, '.json'));
  t.deepEqual(config, {
    logLevel: 'warn',
    services: [
      {
        name: 'chat',
        protocol: 'chat',
        listen: ['127.0.0.1:7000', 'unix:/run/chat.sock'],
        workers: 'auto',
        config: '[not a table]\nkey = 1\n',
        policy: { idleTimeoutMs: 300_000, maxFrameBytes: 4096 },
      },
      {
        name: 'mine',
        protocol: path.join(folder, 'mine.wasm'),
        listen: ['127.0.0.1:7001'],
        configFile: path.join(folder, 'mine.txt'),
      },
    ],
  });
});

test('what is found wrong later is told with the line of its cause', (t) => {
  const toml = written(TOML);
  t.is(
    readServices(toml).at('mine', 'listen', 'in use'),
    `${toml}:19: service.mine.listen: in use`,
  );
  t.is(readServices(toml).at('chat', 'topics', 'off'), `${toml}:4: service.chat.topics: off`);
  const json = written(JSON_TEXT, '.json');
  t.is(
    readServices(json).at('mine', 'listen', 'in use'),
    `${json}:13: service.mine.listen: in use`,
  );
});

test('a listener may be a table, with what holds for those who come by it', (t) => {
  const text = `[service.a]
protocol = "echo"

[[service.a.listen]]
address = "0.0.0.0:7000"
proxy = { from = ["10.0.0.0/8", "fd00::/8"] }
deny = "192.0.2.7"

[[service.a.listen]]
address = "unix:/run/a.sock"
proxy = true
mode = "660"
group = "www"
`;
  const { services } = readServices(written(text));
  t.deepEqual(services[0]!.listen, [
    {
      address: '0.0.0.0:7000',
      proxy: { from: ['10.0.0.0/8', 'fd00::/8'] },
      deny: ['192.0.2.7'],
    },
    { address: 'unix:/run/a.sock', proxy: true, mode: '660', group: 'www' },
  ]);
});

test('upstreams are those of every service, and its own, which win', (t) => {
  const text = `[upstreams]
db = "10.0.0.5:5432"
cache = "10.0.0.6:6379?max=4"

[service.a]
protocol = "echo"
listen = "127.0.0.1:0"

[service.b]
protocol = "echo"
listen = "127.0.0.1:1"

[service.b.upstreams.db]
targets = ["10.0.0.7:5432", "db.internal:5432"]
connectTimeout = "2s"
max = 7
`;
  const { services } = readServices(written(text));
  const cache = '10.0.0.6:6379?max=4';
  t.deepEqual(services[0]!.upstreams, { db: '10.0.0.5:5432', cache });
  t.deepEqual(services[1]!.upstreams, {
    db: {
      targets: ['10.0.0.7:5432', 'db.internal:5432'],
      ...{ connectTimeout: '2s', max: 7 },
    },
    cache,
  });
  // What there is none of leaves no trace.
  t.false('upstreams' in readServices(written(service(''))).services[0]!);
});

const service = (lines: string): string =>
  `[service.a]\nprotocol = "echo"\nlisten = "127.0.0.1:0"\n${lines}`;

const mistakes: [what: string, text: string | Uint8Array, ...lines: RegExp[]][] = [
  ['nothing', '', /^1: a service is missing: \[service\.NAME\]$/],
  ['a comment only', '# none\n', /^1: a service is missing/],
  ['no equals sign', 'a = 1\nservice\n', /^2: /],
  ['an open text', 'logLevel = "info\n', /^1: /],
  ['a key twice', `${service('')}listen = "127.0.0.1:1"\n`, /^4: /],
  ['a table twice', `${service('')}[service.a]\n`, /^4: /],
  ['an open list', 'logLevel = [\n', /^\d: /],
  ['no UTF-8', Uint8Array.of(0x61, 0xff), /^1: is not UTF-8$/],
  ['too long', new Uint8Array(1024 * 1024 + 1).fill(35), /^1: has over 1048576 bytes$/],
  [
    'an unknown key',
    `x = 1\n${service('')}`,
    /^1: x: there is no such key; there are logLevel, logFormat, /,
  ],
  ['a near key', `loglevel = "info"\n${service('')}`, /^1: loglevel: .*; logLevel is one$/],
  ['a wrong level', `logLevel = "loud"\n${service('')}`, /^1: logLevel: must be one of debug, .*'/],
  ['a level as number', `logLevel = 3\n${service('')}`, /^1: logLevel: must be one of .*, got 3$/],
  ['a service as text', 'service = "echo"\n', /^1: service: must be tables, one a service/],
  ['an empty service table', '[service]\n', /^1: service: is empty: a service is missing$/],
  ['a service that is a number', '[service]\na = 1\n', /^2: service\.a: must be a table, got 1$/],
  ['a bad name', service('').replace('.a', '."A b"'), /^1: service\.A b: a service has a name of/],
  ['no protocol', '[service.a]\nlisten = "127.0.0.1:0"\n', /^1: service\.a: protocol is missing$/],
  ['no address', '[service.a]\nprotocol = "echo"\n', /^1: service\.a: listen is missing$/],
  ['an empty protocol', service('').replace('"echo"', '""'), /^2: .*\.protocol: must be a text/],
  ['no addresses', service('').replace('"127.0.0.1:0"', '[]'), /^3: .*listen: must name at least/],
  ['an address as number', service('').replace('"127.0.0.1:0"', '7000'), /^3: .*, got 7000$/],
  [
    'one of two addresses',
    service('').replace('"127.0.0.1:0"', '["127.0.0.1:0",\n  7]'),
    /^3: service\.a\.listen\.1: must be a text, got 7$/,
  ],
  [
    'a listener without an address',
    service('').replace('"127.0.0.1:0"', '{ allow = "10.0.0.0/8" }'),
    /^3: service\.a\.listen: address is missing$/,
  ],
  [
    'a near key of a listener',
    service('').replace('"127.0.0.1:0"', '[{ address = "h:1", alow = "10.0.0.0/8" }]'),
    /^3: service\.a\.listen\.0\.alow: there is no such key; allow is one$/,
  ],
  [
    'a near key of proxy, in the second table',
    '[service.a]\nprotocol = "echo"\n[[service.a.listen]]\naddress = "h:1"\n' +
      '[[service.a.listen]]\naddress = "h:2"\nproxy = { form = "10.0.0.0/8" }\n',
    /^7: service\.a\.listen\.1\.proxy\.form: there is no such key; there are from$/,
  ],
  [
    'networks as numbers',
    service('').replace('"127.0.0.1:0"', '{ address = "h:1", deny = [1] }'),
    /^3: service\.a\.listen\.deny\.0: must be a text, got 1$/,
  ],
  ['half a worker', service('workers = 1.5\n'), /^4: .*workers: must be 'auto' or a whole .*1\.5$/],
  ['too many workers', service('workers = 1000\n'), /^4: .*workers: .* from 0 to 256, got 1000$/],
  ['workers as text', service('workers = "2"\n'), /^4: service\.a\.workers: must be/],
  ['a near key of a service', service('worker = 2\n'), /^4: service\.a\.worker: .*workers is one$/],
  [
    'a policy as number',
    service('policy = 1\n'),
    /^4: service\.a\.policy: must be a table, got 1$/,
  ],
  [
    'a setting that does not exist',
    service('[service.a.policy]\nidleTimeout = 1\n'),
    /^5: service\.a\.policy\.idleTimeout: there is no such key; idleTimeoutMs is one$/,
  ],
  [
    'a setting out of range',
    service('[service.a.policy]\n\nmaxFrameBytes = 0\n'),
    /^6: service\.a\.policy\.maxFrameBytes: must be a size such as .*, from .* to .*, got 0$/,
  ],
  [
    'a setting without its unit',
    service('policy = { idleTimeoutMs = "5" }\n'),
    /^4: service\.a\.policy\.idleTimeoutMs: must be a time such as .*, got '5'$/,
  ],
  ['a date', service('workers = 2026-01-01\n'), /^4: service\.a\.workers: must be .*, got a date$/],
  [
    'config twice',
    service('config = "x"\nconfigFile = "y"\n'),
    /^5: service\.a\.configFile: config is given as well; keep one of the two$/,
  ],
  [
    'an upstream without a port',
    `[upstreams.db]\n\ntargets = [\n"10.0.0.5:1",\n"10.0.0.6"]\n${service('')}`,
    /^3: upstreams\.db\.targets\.1: address '10\.0\.0\.6': must be HOST:PORT/,
  ],
  [
    'a near key of an upstream',
    service('[service.a.upstreams.db]\ntarget = "h:1"\ntargets = "h:1"\n'),
    /^5: service\.a\.upstreams\.db\.target: there is no such key; targets is one$/,
  ],
  [
    'an upstream as number',
    `upstreams = 7\n${service('')}`,
    /^1: upstreams: must have an upstream for each name, got 7$/,
  ],
  [
    'two mistakes',
    `loglevel = "info"\n${service('workers = -1\n')}`,
    /^1: loglevel/,
    /^5: service\.a\.workers/,
  ],
];

for (const [what, text, ...lines] of mistakes) {
  test(`a mistake has one line with its place: ${what}`, (t) => {
    const found = problems(text);
    t.is(found.length, lines.length, found.join('\n'));
    for (const [index, line] of lines.entries()) t.regex(found[index]!, line);
    for (const line of found) t.notRegex(line, /\n/);
  });
}

test('mistakes in JSON have their line as well', (t) => {
  t.regex(problems('{\n  "service": {\n', '.json')[0]!, /^3: this is not JSON: /);
  t.regex(problems('{\n  "service": x }', '.json')[0]!, /^[12]: this is not JSON: /);
  t.regex(problems('[]', '.json')[0]!, /^1: the file must hold an object/);
  const wrong = JSON_TEXT.replace('"auto"', '-1').replace('"unix:/run/chat.sock"', '\n\n 5');
  t.deepEqual(
    problems(wrong, '.json').map((line) => line.replace(/: must.*/, '')),
    ['8: service.chat.listen.1', '9: service.chat.workers'],
  );
});

test('a file that is not there is one line', (t) => {
  const error = t.throws(() => readServices('/nowhere/wasmpoll.toml'), { code: 'ERR_CONFIG' });
  t.regex(error.message, /^\/nowhere\/wasmpoll\.toml: cannot be read: ENOENT/);
});

test('any text is read or refused with a line of the file', (t) => {
  const piece = fc.constantFrom(
    ...[
      '[service.a]',
      '[[x]]',
      'protocol = "echo"',
      'listen = "a:1"',
      '"""',
      '=',
      '{',
      '}',
      '[',
      ']',
    ],
    ...['policy.maxFrameBytes = 1', '\n', '\n', ' ', '"', "'''", '\\', '#', ',', '0x', '\u0000'],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.boolean(), (pieces, json) => {
      const text = pieces.join('');
      const found = problems(text, json ? '.json' : '.toml');
      const lines = text.split('\n').length;
      return found.every((line) => {
        const at = Number(/^(\d+): /.exec(line)?.[1]);
        return at >= 1 && at <= lines;
      });
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('the nearest name is one that few changes lead to', (t) => {
  const names = ['idleTimeoutMs', 'workers', 'listen'];
  t.is(nearest('idle-timeout-ms', names), 'idleTimeoutMs');
  t.is(nearest('listne', names), 'listen');
  t.is(nearest('protocol', names), null);
});
