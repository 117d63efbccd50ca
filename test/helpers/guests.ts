// Guests for tests: AssemblyScript from test/guests, compiled when stale, and the script language.
//
// A scripted guest runs its input as commands. `X` is a connection: `.` for the one whose callback
// runs, `#n` for the handle n, `n` for the one that was opened as number n. An address that starts
// with `!` is a script for on_open. Every callback is logged (`data 0 text`), and after it the
// statuses that its commands were given (`=3 -1`).
//
//   s X,text;  send from where the text stands     x X,how;  close        P X;  pause
//   c X,text;  the same from a buffer reused after w X,n;    want         R X;  resume
//   b X,n,count,c;  count sends of n letters c     t X,ms;   set_timer    E;    send all the input
//   p X,address,n;  send of any range              a X,capacity;  peer_address, and log the buffer
//   W X,offset,n;   range relative to the input    l level,text;  log     h n;  n host calls
//   k n;  return n from on_data or on_end          g n;  grow memory by n pages
//   T;  trap     A;  abort     O;  overflow the stack     * n{…}  repeat     q;  log no callbacks
//   S X;  start_tls                              u X,flags,name;  connect for X, `#0` for none: the number
//   j X,Y;  splice                              U {…}  run in each on_connect
//   + n;  add to the counter in the state          G n;  add to the counter in a global
//   ?;  both counters as statuses      H;  the own handle     N;  the time
//   e d{…}  run on every on_data (e: on_end, w: on_drain, t: on_timer, c: on_close, r: on_restore)
//   m mode,n;  what on_data does with the input: 0 runs it as a script, 1 echoes at most n bytes a
//     call, 2 echoes one line a call, 3 returns n, 4 echoes frames (a byte that says how many follow)

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Harness,
  type HarnessOptions,
  harness,
  type Peer,
} from '../../host/testing/harness.ts';

// Seen from dist/test/helpers.
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A protocol that comes with the package. */
export const bundledModule = (name: string): Uint8Array =>
  readFileSync(`${root}dist/protocols/${name}.wasm`);
export const echoModule = (): Uint8Array => bundledModule('echo');
export const linesModule = (): Uint8Array => bundledModule('lines');

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/**
 * The module of `test/guests/NAME.ts`, which may lie in a folder there. Test files run in parallel and may compile
 * the same one.
 */
export function compiledGuest(name: string, runtime = 'stub'): Uint8Array {
  const source = `${root}test/guests/${name}.ts`;
  const target = `${root}dist/guests/${name}${runtime === 'stub' ? '' : `-${runtime}`}.wasm`;
  // Guests may share a file.
  const needed = ['test/guests', 'assembly'].flatMap((folder) =>
    (readdirSync(`${root}${folder}`, { recursive: true }) as string[])
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${root}${folder}/${file}`),
  );
  if (modified(target) < Math.max(...needed.map(modified))) {
    mkdirSync(dirname(target), { recursive: true });
    const output = `${target}.${process.pid}`;
    const asc = `${root}node_modules/assemblyscript/bin/asc.js`;
    const options = ['--config', `${root}asconfig.json`, '--runtime', runtime, '-o', output];
    execFileSync(process.execPath, [asc, source, ...options], { cwd: root, stdio: 'pipe' });
    renameSync(output, target);
  }
  return readFileSync(target);
}

// Compiled before the first test starts: it blocks the event loop, on which loading has a deadline.
export const scriptedModule = compiledGuest('scripted');

/** For tests that start hundreds of servers: most of a start is the zeroing of buffers. */
export const small = { poolBytes: 1 << 20, maxBacklogBytes: 1 << 20, maxStagedBytes: 1 << 20 };

export const scripted = (options?: HarnessOptions): Promise<Harness> =>
  harness(scriptedModule, { name: 'scripted', ...options });

export const echo = (options?: HarnessOptions): Promise<Harness> =>
  harness(echoModule(), { name: 'echo', ...options });

/** The lines logged since the last call. */
export const logged = (server: Harness): string[] =>
  server.logs.splice(0).map(({ text }) => text.trimEnd());

/** What a peer's script has logged: the statuses of its commands in order. */
export function statuses(server: Harness, peer: Peer, script: string): number[] {
  server.logs.splice(0);
  peer.send(script);
  const line = logged(server).findLast((text) => text.startsWith('='));
  return line === undefined ? [] : line.slice(1).split(' ').map(Number);
}

/** A peer whose on_open runs the script. */
export const open = (server: Harness, script: string, bufferBytes?: number): Peer =>
  server.connect({ address: `!${script}`, ...(bufferBytes === undefined ? {} : { bufferBytes }) });

/** What must hold when every connection is gone: nothing is kept for any of them. */
export function leftovers(server: Harness): Record<string, number> {
  const { connections, backlogBytes, poolBytes } = server.stats();
  return { open: connections.open, backlogBytes, poolBytes };
}

export const nothing = { open: 0, backlogBytes: 0, poolBytes: 0 };
