// A command's thread that ends behind any statement: its owner finds every descriptor in the shared
// table, and none that is closed already.

import { mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Native, native } from '../../host/kernel/native.ts';
import { KIND_FOLDER } from '../../host/wasi/preview1/descriptors.ts';
import {
  OFLAGS_CREAT,
  RIGHT_FD_READ,
  RIGHTS_ALL,
  RIGHTS_FOLDER,
} from '../../host/wasi/preview1/numbers.ts';
import type { Preview1 } from '../../host/wasi/preview1/preview1.ts';
import { descriptors } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import { steppedHost } from '../helpers/statement-steps.ts';
import { listener, OUT, RESULT, WasiHost } from '../helpers/wasi-host.ts';

class Death extends Error {}

const load = steppedHost('wasi', /^host\/wasi\/preview1\/(?!numbers|interface|worker)/);
const stepped = (await load('host/wasi/preview1/preview1')) as { Preview1: typeof Preview1 };

/** A kernel that does nothing for a thread that has ended: no `finally` runs there. */
function mortal(dead: () => boolean): Native {
  const calls = Object.entries(native).map(([name, call]) => [
    name,
    typeof call !== 'function' || name === 'epoll'
      ? call
      : (...values: unknown[]) => {
          if (dead()) throw new Death();
          return (call as (...values: unknown[]) => unknown)(...values);
        },
  ]);
  return Object.fromEntries(calls) as Native;
}

/** Everything that opens or closes a descriptor. */
function script(host: WasiHost): void {
  const { call } = host;
  const name = (text: string, at: number): [number, number] => [at, host.put(text, at)];
  const [one, two] = [name('sub/one', 0x600), name('two', 0x700)];
  call.path_create_directory(0, ...name('made', 0x800));
  call.path_open(0, 0, ...one, OFLAGS_CREAT, BigInt(RIGHT_FD_READ), 0n, 0, RESULT);
  const file = host.result;
  call.path_open(0, 0, ...name('none', 0x800), 0, 0n, 0n, 0, RESULT);
  call.path_filestat_get(0, 0, ...one, OUT);
  call.path_link(0, 0, ...one, 0, ...two);
  call.path_rename(0, ...one, 0, ...two);
  call.path_unlink_file(0, ...two);
  call.path_remove_directory(0, ...name('made/', 0x800));
  call.sock_accept(1, 0, RESULT);
  call.fd_renumber(host.result, file);
  call.fd_close(file);
}

/** Runs the script until the thread ends at a step; returns how many steps there were. */
function run(t: ExecutionContext, folder: string, waiting: number, last: number): number {
  let steps = 0;
  let dead = false;
  const before = descriptors();
  const opened = { preopen: '/', rights: RIGHTS_FOLDER, inheriting: RIGHTS_ALL };
  const root = { fd: openSync(folder, 'r'), kind: KIND_FOLDER, flags: 0, opened };
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  const client = native.connectTcp('127.0.0.1', port);
  native.poll(waiting, native.constants.EPOLLIN, -1, 10_000);
  const given = [root, listener(native.dup(waiting, 0))];
  const ends: (() => void)[] = [];
  const owner = { ...t, teardown: (end: () => void) => ends.push(end) } as ExecutionContext;
  const host = new WasiHost(owner, given, {
    native: mortal(() => dead),
    Preview1: stepped.Preview1,
  });
  globalThis.wasmpollStep = () => {
    steps += 1;
    if (steps < last && !dead) return;
    dead = true;
    throw new Death();
  };
  try {
    script(host);
  } catch (thrown) {
    if (!(thrown instanceof Death)) throw thrown;
  } finally {
    globalThis.wasmpollStep = undefined;
  }
  dead = false;
  host.preview1.close();
  for (const fd of new Set(host.fds)) {
    if (fd > 0) t.is(native.close(fd - 1), 0, `step ${last}: closed before`);
  }
  host.fds.fill(0);
  for (const end of ends) end();
  native.close(client);
  const accepted = native.accept(waiting);
  if (accepted >= 0) native.close(accepted);
  t.deepEqual(descriptors(), before, `step ${last}`);
  return steps;
}

test('behind whichever statement a thread ends, its owner can close what it had open', (t) => {
  const folder = temporary(t);
  const waiting = native.listenTcp('127.0.0.1', 0, false, 8);
  t.teardown(() => native.close(waiting));
  const round = (last: number): number => {
    for (const name of ['sub', 'two', 'made', 'none']) {
      rmSync(path.join(folder, name), { recursive: true, force: true });
    }
    mkdirSync(path.join(folder, 'sub'));
    writeFileSync(path.join(folder, 'sub', 'other'), '');
    return run(t, folder, waiting, last);
  };
  const all = round(Number.POSITIVE_INFINITY);
  t.true(all > 200, `${all} steps`);
  for (let last = 1; last <= all; last += 1) round(last);
});
