// The plan of host/: which room may import which, and how large a file and a room may grow. Data only;
// docs/architecture.md says what each room is for, and scripts/layers.mjs holds the code to it.

/** Files at the root of host/ that every room may import. */
export const words = [
  ...['errors', 'policy', 'text', 'rate-limit', 'config', 'units', 'nearest', 'values'],
];

/** Each room, and what it may import besides itself and the words: other rooms, or single files. */
export const rooms = {
  services: ['listen/spec', 'tls/texts', 'upstreams/spec'],
  shared: [],
  'shared/member': ['shared'],
  kernel: ['kernel/tls', 'shared/contract', 'shared/records'],
  'kernel/loopback': ['kernel/contract', 'kernel/rows', 'kernel/tls'],
  'kernel/tls': ['kernel/contract'],
  module: ['module/cost', 'wasi/preview1/interface'],
  'module/cost': ['module/binary', 'module/reader', 'module/slices'],
  epoll: ['kernel'],
  listen: ['kernel/tls', 'kernel', 'listen/peer', 'tls'],
  'listen/peer': ['kernel/contract'],
  memory: ['kernel', 'memory/counts', 'shared/records'],
  'memory/counts': [],
  guest: [
    ...['kernel/tls', 'shared', 'kernel', 'memory', 'module', 'guest/calls'],
    ...['wasi/preview1/interface', 'listen/peer', 'memory/counts', 'upstreams/contract'],
    ...['upstreams/counts', 'upstreams/directory', 'guest/recording'],
  ],
  'guest/recording': [
    ...['kernel/clock', 'module/interface', 'module/protocol-module'],
    ...['guest/calls/gate', 'guest/guest', 'guest/guest-host', 'guest/trap'],
  ],
  'guest/calls': [
    ...['shared/records', 'kernel', 'memory', 'memory/counts'],
    ...['guest/effects', 'guest/guest-host', 'guest/guest-memory', 'guest/shared-log'],
    'wasi/preview1/numbers',
  ],
  reactor: [
    ...['kernel/tls', 'reactor/calls', 'reactor/entry', 'reactor/outbound', 'reactor/tls'],
    ...['shared', 'kernel', 'memory', 'module', 'guest', 'listen/peer', 'memory/counts'],
    'upstreams/contract',
  ],
  'reactor/calls': [
    ...['guest', 'kernel', 'memory', 'module', 'reactor/backlog', 'reactor/deadlines'],
    ...['reactor/endings', 'reactor/flow', 'reactor/lifecycle', 'reactor/outbound'],
    ...['reactor/output', 'reactor/parts', 'reactor/tls', 'reactor/turn', 'reactor/wiring'],
    'shared',
  ],
  'reactor/entry': [
    ...['kernel', 'listen/peer', 'memory', 'reactor/parts', 'reactor/turn'],
    'reactor/wiring',
  ],
  'reactor/outbound': [
    ...['guest', 'kernel', 'memory', 'reactor/backlog', 'reactor/deadlines'],
    ...['reactor/flow', 'reactor/lifecycle', 'reactor/parts', 'reactor/tls'],
    'reactor/wiring',
  ],
  'reactor/tls': [
    ...['kernel', 'kernel/tls', 'memory', 'reactor/backlog', 'reactor/deadlines'],
    ...['reactor/input', 'reactor/parts', 'reactor/wiring'],
  ],
  engines: [
    'shared/records',
    'shared/names',
    'shared/seats',
    'shared/member/drafts',
    'engines/redis',
    'engines/nats',
    'engines/sqlite',
  ],
  'engines/redis': [
    ...['engines/address', 'engines/contract', 'engines/in-flight', 'engines/link'],
    'engines/slices',
  ],
  'engines/nats': ['engines/address', 'engines/contract', 'engines/in-flight', 'engines/link'],
  'engines/sqlite': [
    ...['engines/contract', 'engines/fifo', 'engines/in-flight', 'engines/link'],
    'engines/slices',
  ],
  threads: [
    ...['kernel/tls', 'shared', 'kernel', 'memory', 'module', 'guest', 'reactor'],
    ...['threads/seat', 'listen/peer', 'memory/counts', 'upstreams/contract'],
    ...['upstreams/dialer', 'guest/recording'],
  ],
  'threads/seat': [
    ...['kernel', 'memory', 'memory/counts', 'module', 'guest'],
    ...['threads/backoff', 'threads/engine', 'threads/messages', 'threads/thread'],
    ...['threads/spare-thread', 'upstreams/dialer', 'guest/recording'],
  ],
  tls: ['kernel/tls', 'kernel'],
  upstreams: [
    ...['kernel', 'listen/address', 'listen/peer', 'tls/outward'],
    ...['upstreams/names', 'upstreams/spec'],
  ],
  'upstreams/names': ['kernel/monotonic', 'listen/peer'],
  'upstreams/spec': [
    ...['listen/address', 'listen/peer', 'tls/options', 'tls/outward'],
    ...['upstreams/counts', 'upstreams/host-name', 'upstreams/pattern'],
  ],
  server: [
    ...['shared', 'shared/member', 'engines', 'kernel', 'module', 'listen', 'listen/peer'],
    ...['threads', 'tls', 'crashes', 'upstreams', 'upstreams/spec', 'server/status'],
  ],
  'server/status': [
    ...['kernel/monotonic', 'listen/counts', 'threads/engine', 'server/outside'],
    'server/own-seat',
  ],
  admin: ['kernel', 'listen', 'memory/counts/metrics', 'server', 'server/status'],
  'admin/view': [],
  'admin/page': ['admin/view'],
  wasi: ['kernel', 'module', 'listen', 'threads/thread', 'wasi/preview1'],
  'wasi/preview1': ['kernel'],
  testing: [
    ...['kernel/loopback', 'kernel/tls', 'testing/outside', 'crashes/crash'],
    ...['crashes/recorded-crash', 'guest/call-record', 'guest/recorded-call'],
    ...['guest/recording', 'shared', 'shared/member', 'kernel', 'memory', 'module'],
    ...['reactor', 'engines/contract', 'engines/frame', 'engines/in-flight'],
    ...['engines/router', 'engines/timers', 'listen/peer', 'memory/counts'],
    ...['upstreams/contract', 'upstreams/counts', 'upstreams/pattern'],
    'upstreams/preamble',
  ],
  'testing/outside': [
    ...['engines/contract', 'engines/frame', 'engines/in-flight', 'engines/router'],
    ...['engines/timers', 'shared', 'shared/member'],
  ],
  crashes: ['guest/recorded-call', 'guest/recording', 'kernel/monotonic'],
  playground: ['admin/hosts', 'admin/reply', 'module/source'],
  'playground/bench': ['module/source-lines', 'testing', 'transcripts'],
  'playground/page': [
    ...['admin/page/dom', 'admin/view/figures'],
    ...['playground/bench/messages', 'playground/bench/recording'],
  ],
  transcripts: ['testing', 'module/protocol-module', 'upstreams/pattern'],
  logs: ['server/endings', 'server/logger'],
  systemd: ['kernel', 'server'],
  compiler: ['module'],
  projects: [],
  cli: [
    ...[
      'admin',
      'crashes',
      'cli/author',
      'cli/top',
      'engines/address',
      'engines/open',
      'kernel/descriptors',
      'kernel/native',
      'listen',
      'logs',
      'module',
    ],
    ...['server', 'services', 'systemd', 'tls', 'upstreams/spec', 'wasi'],
  ],
  'cli/author': [
    ...['cli/author/dev', 'compiler', 'projects', 'playground', 'module/source', 'transcripts'],
    ...['server/source-maps', 'crashes/crash', 'crashes/recorded-crash', 'testing/replay'],
    ...['cli/command-line', 'cli/config-file', 'cli/signals'],
  ],
  'cli/author/dev': [
    ...['compiler', 'projects', 'kernel/native', 'listen/binding', 'listen/spec', 'server'],
    ...['crashes/crash-modules', 'cli/author/build', 'cli/command-line', 'cli/config-file'],
    ...['cli/flags', 'cli/operation', 'cli/serve-command', 'cli/signals'],
  ],
  'cli/top': ['admin/view', 'cli/command-line', 'cli/signals', 'listen/address'],
};

export const limits = {
  lines: 280,
  /** A table, as long as there are settings. */
  exempt: ['host/policy.ts'],
  files: 15,
  filesOf: {
    memory: 16,
    module: 17,
    'wasi/preview1': 20,
  },
  imports: 10,
  /** Those that put the parts together. */
  importsOf: {
    'host/reactor/calls/apply.ts': 12,
    'host/reactor/lifecycle.ts': 11,
    'host/guest/host-calls.ts': 11,
    'host/reactor/reactor.ts': 14,
    'host/threads/in-thread.ts': 17,
    'host/threads/seat/holdings.ts': 14,
    'host/reactor/parts.ts': 18,
    'host/reactor/wiring.ts': 21,
    'host/threads/seat-worker.ts': 14,
    'host/threads/engine.ts': 12,
    'host/threads/supervisor.ts': 12,
    'host/listen/listening.ts': 13,
    'host/tls/contexts.ts': 11,
    'host/cli/check.ts': 13,
    'host/cli/invocation.ts': 13,
    'host/cli/author/dev/command.ts': 11,
    'host/cli/author/dev/develop.ts': 12,
    'host/cli/author/test.ts': 14,
    'host/server/outside.ts': 13,
    'host/server/serve.ts': 17,
    'host/admin/admin.ts': 15,
    'host/admin/page/app.ts': 12,
    'host/playground/page/app.ts': 12,
    'host/server/server.ts': 16,
    'host/testing/harness.ts': 22,
    'host/testing/options.ts': 11,
  },
};
