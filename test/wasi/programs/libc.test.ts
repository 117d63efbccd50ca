// What a POSIX program sees of its sockets through wasi-libc: probe.c, call by call, with this test as
// its client. The same program compiled for this machine says what is to be expected.

import test, { type ExecutionContext } from 'ava';
import { type Client, connect } from '../../helpers/client.ts';
import {
  compiledC,
  compiledNative,
  type Program,
  startNative,
  startWasi,
} from '../../helpers/wasi-programs.ts';

const module = compiledC('probe');
const program = compiledNative('probe');

/** The client's side of a probe: a step each time that the probe is ready for it. */
type Step = (client: Client, server: Program, t: ExecutionContext) => unknown;

interface Probe {
  readonly name: string;
  readonly behaviour: string;
  readonly steps: readonly Step[];
  readonly expected: readonly string[];
  /** What the machine itself says where it differs. */
  readonly natively?: readonly string[];
  /** Whether the client leaves what it is sent in the kernel's buffers. */
  readonly paused?: boolean;
}

const send =
  (...parts: readonly string[]): Step =>
  async (client) => {
    for (const part of parts) await client.send(part);
  };
const sendLast =
  (text: string): Step =>
  async (client) => {
    await client.send(text);
    client.end();
  };
/** What say_all prints: for POLLIN, POLLOUT and both, each also without a time limit, and of select. */
const table = (reading: string, writing: string, both: string, selected: string): string[] => [
  ...(reading === '' ? [] : [`in: 1 ${reading}`, `for ever: 1 ${reading}`]),
  ...[`out: 1 ${writing}`, `for ever: 1 ${writing}`],
  ...[`in, out: 1 ${both}`, `for ever: 1 ${both}`],
  `select: ${selected === '[inout]' ? 2 : 1} ${selected}`,
];
const another: Step = (_, { address }, t) => connect(address, { owner: t });

const probes: readonly Probe[] = [
  {
    name: 'timeouts',
    behaviour: 'poll and nanosleep wait as long as they are told',
    steps: [],
    expected: [
      '30 ms: 0 []',
      'not too early',
      'at once: 0 []',
      'no descriptor, 30 ms: 0',
      'nanosleep: 0',
      'not too early',
      'ready before the time: 1 [out]',
    ],
  },
  {
    name: 'sets',
    behaviour: 'poll returns with all that are ready, and says what is not open',
    steps: [send('x')],
    expected: [
      'ready',
      'twice in a set: 2 [in] [out]',
      'the first that is ready: 1 [] [] [inout]',
      'one that is not open: 2 [nval] [out]',
      'recv: x',
      'after it was read: 0 []',
    ],
  },
  {
    name: 'end',
    behaviour: 'the end of a stream is readable, and the other direction goes on',
    steps: [(client) => client.end()],
    expected: ['ready', 'readable', 'not hung up', 'recv: 0', 'recv again: 0', 'send: 13'],
  },
  {
    name: 'finished',
    behaviour: 'poll and select say of a client that has finished what Linux says',
    steps: [send('x'), (client) => client.end()],
    expected: [
      'connected',
      'in: 0 []',
      ...table('', '[out]', '[out]', '[out]'),
      'ready',
      'sent',
      ...table('[in]', '[out]', '[inout]', '[inout]'),
      'recv: x',
      'ready',
      'finished',
      ...table('[in]', '[out]', '[inout]', '[inout]'),
      'recv: 0',
      'finished and read',
      ...table('[in]', '[out]', '[inout]', '[inout]'),
    ],
  },
  {
    name: 'aborted',
    behaviour: 'poll and select say of a client that is lost what Linux says, as far as libc can',
    steps: [(client) => client.reset()],
    expected: [
      'ready',
      'reset',
      'in: 1 [inerrhup]',
      // With one event for one subscription there is no room for the error.
      'for ever: 1 [inhup]',
      'out: 1 [outerr]',
      'for ever: 1 [out]',
      'in, out: 1 [inerrhup]',
      'for ever: 1 [inerrhup]',
      'select: 2 [inout]',
      'recv: ECONNRESET',
      'reset and read',
      ...table('[inhup]', '[out]', '[inhup]', '[inout]'),
    ],
    // Linux has them all at once; wasi-libc takes POLLOUT away where there is POLLHUP.
    natively: [
      ...['ready', 'reset'],
      ...table('[inerrhup]', '[outerrhup]', '[inouterrhup]', '[inout]'),
      ...['recv: ECONNRESET', 'reset and read'],
      ...table('[inhup]', '[outhup]', '[inouthup]', '[inout]'),
    ],
  },
  {
    name: 'reset',
    behaviour: 'a reset wakes poll, and is an error once',
    steps: [(client) => client.reset()],
    expected: ['ready', 'noticed', 'recv: ECONNRESET', 'send: EPIPE', 'close: 0', 'recv: EBADF'],
  },
  {
    name: 'fionread',
    behaviour: 'FIONREAD counts the bytes that wait',
    steps: [send('12345')],
    expected: ['ioctl: 0', 'nothing: 0', 'ready', 'all: 5', 'recv: 12', 'rest: 3'],
  },
  {
    name: 'select',
    behaviour: 'select waits for the first that is ready, or for its time',
    steps: [send('x')],
    expected: [
      'nothing yet: 0',
      '30 ms: 0',
      'not too early',
      'ready',
      'data: 1',
      'both: 2',
      '0 1 1',
    ],
  },
  {
    name: 'nonblocking',
    paused: true,
    behaviour: 'O_NONBLOCK and FIONBIO turn waiting into EAGAIN, and back',
    steps: [send('x')],
    expected: [
      'blocking: 0',
      'fcntl: 0',
      'non-blocking',
      'recv: EAGAIN',
      'read: EAGAIN',
      'fcntl: 0',
      'ready',
      'recv: x',
      'ioctl: 0',
      'recv: EAGAIN',
      'send: EAGAIN',
      'some was sent',
    ],
  },
  {
    name: 'types',
    behaviour: 'SO_TYPE and fstat tell what a descriptor is',
    steps: [],
    expected: [
      'listener: stream',
      'client: stream',
      'standard input: ENOTSOCK',
      'not open: EBADF',
      'fstat: 0',
      'a socket',
      'not a terminal',
      // Of standard input, which is /dev/null.
      'not a terminal',
      'lseek: 0',
      'lseek: 0',
    ],
  },
  {
    name: 'flags',
    behaviour: 'MSG_PEEK leaves the bytes, MSG_WAITALL waits for all of them',
    steps: [send('peeked'), send('0123', '456789'), sendLast('rest')],
    expected: [
      'ready',
      'peek: peeked',
      'peek again: pee',
      'recv: peeked',
      'ready',
      'all 10: 0123456789',
      'ready',
      'what there is at the end: rest',
    ],
  },
  {
    name: 'shutdown',
    behaviour: 'shutdown ends one direction',
    steps: [
      async (client, _, t) => {
        t.is(String(await client.readAll()), 'last');
        await client.send('more');
      },
    ],
    expected: [
      'send: 4',
      'shutdown: 0',
      'send: EPIPE',
      'ready',
      'recv: more',
      'shutdown: 0',
      'recv: 0',
      'standard input: ENOTSOCK',
      'not open: EBADF',
    ],
  },
  {
    name: 'accept',
    behaviour: 'accept gives the lowest free descriptor, and says what is no listener',
    steps: [another, another],
    expected: [
      'first: 4',
      'fcntl: 0',
      'nobody: EAGAIN',
      'ready',
      'second: 5',
      'recv: EAGAIN',
      'close: 0',
      'ready',
      'third: 4',
      'of a client: EINVAL',
      'of standard input: ENOTSOCK',
      'not open: EBADF',
      'close: EBADF',
    ],
  },
  {
    name: 'vectors',
    behaviour: 'read, write, readv and writev work on sockets',
    steps: [send('onerest'), sendLast('x')],
    expected: [
      'ready',
      'readv: one|rest',
      'writev: 7',
      'write: 6',
      'nothing: 0',
      'ready',
      'read: x',
      'read: 0',
    ],
  },
];

/** What the probe has printed, line by line. */
async function conversation(
  t: ExecutionContext,
  server: Program,
  { steps, paused = false }: Probe,
): Promise<string[]> {
  const client = await connect(server.address, { owner: t, paused });
  for (const [index, step] of steps.entries()) {
    const times = new RegExp(`(?:^ready\n[^]*){${index + 1}}`, 'm');
    await server.process.written('stdout', times);
    await step(client, server, t);
  }
  const exit = await server.process.exited;
  t.deepEqual(exit, { code: 0, signal: null }, server.process.stderr);
  return server.process.stdout.trimEnd().split('\n');
}

for (const probe of probes) {
  const { name, behaviour, expected, natively = expected } = probe;
  test(`${behaviour} (${name})`, async (t) => {
    const server = await startWasi(t, module, [name]);
    t.deepEqual(await conversation(t, server, probe), expected);
  });
  test(`natively: ${behaviour} (${name})`, async (t) => {
    const server = await startNative(t, program, [name]);
    t.deepEqual(await conversation(t, server, probe), natively);
  });
}
