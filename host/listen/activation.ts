// Activation: listening sockets that the process was started with; sd_listen_fds(3). It finds them by name or
// number and looks whether they are what they must be. Whoever passed them keeps them: none is unlinked.

import { constants } from 'node:fs';
import { WasmpollError } from '../errors.ts';
import type { Native } from '../kernel/native.ts';

/** SD_LISTEN_FDS_START */
const FIRST = 3;
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const;

interface Passed {
  readonly fd: number;
  /** FileDescriptorName=; `unknown` when nobody has given one. */
  readonly name: string;
}

/** What the environment said when it was first asked. It is cleared then, so that no child believes it. */
interface Environment {
  readonly passed: readonly Passed[];
  /** Why there are none, though the environment speaks of some. */
  readonly refusal: string | null;
  /** Descriptors that were adopted. */
  readonly claimed: Set<number>;
}

const read = new WeakMap<NodeJS.ProcessEnv, Environment>();

/** What the environment says; it is taken out of it at the first time. */
export function readEnvironment(env = process.env, pid = process.pid): Environment {
  const known = read.get(env);
  if (known !== undefined) return known;
  const environment = take(env, pid);
  read.set(env, environment);
  return environment;
}

function take(env: NodeJS.ProcessEnv, pid: number): Environment {
  const { LISTEN_PID: owner, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = env;
  for (const name of VARIABLES) delete env[name];
  if (owner === undefined || count === undefined) return none(null);
  if (owner !== String(pid)) {
    const why = `the sockets were passed to process ${owner}, and this is ${pid}: it must be started itself`;
    return none(why);
  }
  if (!/^[1-9]\d{0,5}$/.test(count)) return none(`LISTEN_FDS is '${count}'`);
  const given = names.split(':');
  const passed = Array.from({ length: Number(count) }, (_, index) => ({
    fd: FIRST + index,
    name: given[index] || 'unknown',
  }));
  return { passed, refusal: null, claimed: new Set() };
}

const none = (refusal: string | null): Environment => ({ passed: [], refusal, claimed: new Set() });

/** Sockets that were passed and that nobody has adopted: clients wait there for ever. As `fd:NAME`. */
export const unclaimed = ({ passed, claimed } = readEnvironment()): string[] =>
  passed
    .filter(({ fd }) => !claimed.has(fd))
    .map(({ fd, name }) => `fd:${name === 'unknown' ? fd : name}`);

/** A socket that listens, as a descriptor of its own; the one that was passed stays open for the next time. */
export interface Adopted {
  readonly fd: number;
  /** The descriptor that was passed. */
  readonly passed: number;
  /** Where it listens. */
  readonly address: string;
  readonly unix: boolean;
}

/**
 * @param name of LISTEN_FDNAMES, which several may have, or a number
 * @throws WasmpollError ERR_ADDRESS with what is wrong
 */
export function adopt(
  native: Native,
  name: string,
  { passed, refusal, claimed } = readEnvironment(),
): Adopted[] {
  const bad = (why: string): WasmpollError =>
    new WasmpollError('ERR_ADDRESS', `listen 'fd:${name}': ${why}`);
  const numbered = /^\d{1,6}$/.test(name);
  if (numbered && Number(name) < FIRST) throw bad('0, 1 and 2 are the standard streams');
  const fds = numbered
    ? [Number(name)]
    : passed.filter((socket) => socket.name === name).map(({ fd }) => fd);
  if (fds.length === 0) {
    if (refusal !== null) throw bad(refusal);
    const names = [...new Set(passed.map((socket) => socket.name))];
    throw bad(
      names.length === 0
        ? 'no sockets were passed: LISTEN_FDS is not set'
        : `no socket of this name was passed; there are ${names.join(', ')}`,
    );
  }
  const adopted: Adopted[] = [];
  try {
    for (const fd of fds) adopted.push(adoptOne(native, fd, bad));
  } catch (error) {
    for (const { fd } of adopted) native.close(fd);
    throw error;
  }
  for (const fd of fds) claimed.add(fd);
  return adopted;
}

function adoptOne(native: Native, fd: number, bad: (why: string) => WasmpollError): Adopted {
  const { EBADF, ENOTSOCK, SOL_SOCKET, SO_ACCEPTCONN, SO_TYPE, SOCK_STREAM } = native.constants;
  const type = native.getOption(fd, SOL_SOCKET, SO_TYPE);
  if (type === -EBADF) throw bad(`descriptor ${fd} is not open`);
  if (type === -ENOTSOCK) throw bad(`descriptor ${fd} is not a socket`);
  if (type !== SOCK_STREAM) {
    throw bad(`descriptor ${fd} is not a stream socket: only ListenStream= will do`);
  }
  if (native.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) !== 1) {
    throw bad(`descriptor ${fd} does not listen: with Accept=yes only connections are passed`);
  }
  const address = native.localAddress(fd);
  if (typeof address !== 'string') throw bad(`descriptor ${fd} is neither a TCP nor a Unix socket`);
  native.closeOnExec(fd);
  // The open file is shared with whoever passed it, and with it this flag: an accept must not wait.
  const flags = native.getFlags(fd);
  const nonblocking = native.setFlags(fd, flags | constants.O_NONBLOCK);
  const own = nonblocking < 0 ? nonblocking : native.dup(fd, 0);
  if (own < 0) throw native.systemError('listen', own, `fd:${fd}`);
  return { fd: own, passed: fd, address, unix: address.startsWith('unix:') };
}
