// Every function of preview 1 with pointers at every boundary of the memory: FAULT where they leave it,
// with nothing done; never an exception of the host's.

import { mkdirSync, openSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { KIND_FILE, KIND_FOLDER } from '../../host/wasi/preview1/descriptors.ts';
import { type WasiName, wasiImports } from '../../host/wasi/preview1/interface.ts';
import { E, EVENT, IOVEC, RIGHTS_ALL, SUBSCRIPTION } from '../../host/wasi/preview1/numbers.ts';
import { owned } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import {
  arrived,
  listener,
  sendAll,
  socket,
  stream,
  tcpPair,
  WasiHost,
} from '../helpers/wasi-host.ts';

const SIZE = 65_536;
const [SOCKET, , LISTENER, FILE, FOLDER] = [0, 1, 2, 3, 4];

/** A pointer to so many bytes, or to `unit` bytes for each of the argument `length` places behind it. */
interface Pointer {
  readonly at: number;
  readonly bytes?: number;
  readonly unit?: number;
  readonly length: number;
}
type Argument = number | bigint | Pointer;

// Where valid arguments stand: see `prepare`.
const [OUT, OUT2, VECTOR, NAME, NEW_NAME, LINK, SUBSCRIPTIONS, EVENTS] = [
  0x100, 0x200, 0x300, 0x400, 0x500, 0x600, 0x1000, 0x2000,
];
const out = (bytes: number, at = OUT): Pointer => ({ at, bytes, length: 0 });
const many = (unit: number, at: number, length = 1): Pointer => ({ at, unit, length });
const vectors = [many(IOVEC, VECTOR), 1];
const [name, fresh, link] = [NAME, NEW_NAME, LINK].map((at) => [many(1, at), 4]);
const buffer = [many(1, OUT2), 16];

/** A call of each function that has pointers, which succeeds as it stands. */
const calls: { readonly [name in WasiName]?: readonly Argument[] } = {
  args_get: [out(8), out(8, OUT2)],
  args_sizes_get: [out(4), out(4, OUT2)],
  clock_res_get: [0, out(8)],
  clock_time_get: [0, 0n, out(8)],
  environ_get: [out(4), out(4, OUT2)],
  environ_sizes_get: [out(4), out(4, OUT2)],
  fd_fdstat_get: [SOCKET, out(24)],
  fd_filestat_get: [FILE, out(64)],
  fd_pread: [FILE, ...vectors, 0n, out(4)],
  fd_prestat_dir_name: [FOLDER, many(1, OUT), 4],
  fd_prestat_get: [FOLDER, out(8)],
  fd_pwrite: [FILE, ...vectors, 0n, out(4)],
  fd_read: [SOCKET, ...vectors, out(4)],
  fd_readdir: [FOLDER, ...buffer, 0n, out(4)],
  fd_seek: [FILE, 0n, 0, out(8)],
  fd_tell: [FILE, out(8)],
  fd_write: [SOCKET, ...vectors, out(4)],
  path_create_directory: [FOLDER, ...fresh!],
  path_filestat_get: [FOLDER, 0, ...name!, out(64)],
  path_filestat_set_times: [FOLDER, 0, ...name!, 0n, 0n, 0],
  path_link: [FOLDER, 0, ...name!, FOLDER, ...fresh!],
  path_open: [FOLDER, 0, ...fresh!, 1, BigInt(RIGHTS_ALL), 0n, 0, out(4)],
  path_readlink: [FOLDER, ...link!, ...buffer, out(4)],
  path_remove_directory: [FOLDER, ...fresh!],
  path_rename: [FOLDER, ...name!, FOLDER, ...fresh!],
  path_symlink: [...name!, FOLDER, ...fresh!],
  path_unlink_file: [FOLDER, ...name!],
  poll_oneoff: [many(SUBSCRIPTION, SUBSCRIPTIONS, 2), many(EVENT, EVENTS), 1, out(4)],
  random_get: [many(1, OUT2), 16],
  sock_accept: [LISTENER, 0, out(4)],
  sock_recv: [SOCKET, ...vectors, 0, out(4), out(2, OUT2)],
  sock_send: [SOCKET, ...vectors, 0, out(4)],
};

interface Scene {
  readonly host: WasiHost;
  readonly folder: string;
  readonly client: number;
  readonly accepted: number;
}

/** A socket with three bytes to read, a listener with a client, and a folder with a file and a link. */
function prepare(t: ExecutionContext): Scene {
  const folder = temporary(t);
  writeFileSync(path.join(folder, 'name'), 'text');
  symlinkSync('name', path.join(folder, 'link'));
  const [client, accepted] = tcpPair();
  owned(t, client);
  const waiting = native.listenTcp('127.0.0.1', 0, false, 8);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  owned(t, native.connectTcp('127.0.0.1', port));
  arrived(waiting);
  sendAll(client, 'abc');
  arrived(accepted);
  const [reading, writing] = native.pipe() as [number, number];
  owned(t, writing);
  const opened = { preopen: 'data', rights: RIGHTS_ALL, inheriting: RIGHTS_ALL };
  const host = new WasiHost(
    t,
    [
      socket(accepted),
      stream(reading),
      listener(waiting),
      { fd: openSync(path.join(folder, 'name'), 'r+'), kind: KIND_FILE, flags: 0 },
      { fd: openSync(folder, 'r'), kind: KIND_FOLDER, flags: 0, opened },
    ],
    { args: ['abcde', 'c'], environment: ['A=1'] },
  );
  const { view } = host;
  view.setUint32(VECTOR, OUT2, true);
  view.setUint32(VECTOR + 4, 2, true);
  host.put('name', NAME);
  host.put('made', NEW_NAME);
  host.put('link', LINK);
  view.setUint8(SUBSCRIPTIONS + 8, 2);
  view.setUint32(SUBSCRIPTIONS + 16, SOCKET, true);
  return { host, folder, client, accepted };
}

const addressOf = (argument: Argument): number | bigint =>
  typeof argument === 'object' ? argument.at : argument;

/** How many bytes the pointer at `index` is to, with these arguments. */
function bytesOf(list: readonly Argument[], index: number): number {
  const { unit, bytes, length } = list[index] as Pointer;
  return bytes ?? unit! * (Number(list[index + length]) >>> 0);
}

/** All that a call could have changed outside of memory. */
function effects({ host, folder, client, accepted }: Scene): unknown {
  const files = readdirSync(folder).map((file) => {
    const status = statSync(path.join(folder, file), { throwIfNoEntry: false });
    return [file, status?.size, status?.mtimeMs, status?.nlink];
  });
  return [[...host.fds], host.descriptors.used, files, unread(client), unread(accepted)];
}

/** The bytes that a socket has for its reader. */
function unread(fd: number): number {
  const view = new Uint8Array(64);
  new Uint32Array(view.buffer).set([8, 56]);
  return native.peekv(fd, view, 0, 1, 0, 56);
}

function call(scene: Scene, name: WasiName, list: readonly Argument[]): number | undefined {
  return scene.host.call[name](...list.map(addressOf));
}

test('every function is in the table, or has no pointer', (t) => {
  const without =
    'fd_advise fd_allocate fd_close fd_datasync fd_fdstat_set_flags fd_fdstat_set_rights ' +
    'fd_filestat_set_size fd_filestat_set_times fd_renumber fd_sync proc_exit proc_raise ' +
    'sched_yield sock_shutdown';
  const names = [...Object.keys(calls), ...without.split(' ')];
  t.deepEqual(names.sort(), Object.keys(wasiImports).sort());
});

for (const name of Object.keys(calls) as WasiName[]) {
  const list = calls[name]!;
  const pointers = list.flatMap((argument, index) => (typeof argument === 'object' ? [index] : []));

  test(`${name}: pointers at the memory's boundaries`, (t) => {
    let scene = prepare(t);
    if (name === 'path_remove_directory') mkdirSync(path.join(scene.folder, 'made'));
    for (const index of pointers) {
      const bytes = bytesOf(list, index);
      const addresses = [0, SIZE - 1, SIZE - bytes, SIZE - bytes + 1, SIZE, 2 ** 31, 2 ** 32 - 1];
      for (const at of [...addresses, 2 ** 32 - bytes, 2 ** 32 - bytes + 1, SIZE - 4]) {
        const changed = list.map((argument, place) =>
          place === index ? { ...(argument as Pointer), at: at | 0 } : argument,
        );
        judge(t, scene, name, changed, at + bytes <= SIZE);
        // What was done is undone, so that the next call finds what this one found.
        if (at + bytes <= SIZE) scene = prepare(t);
        if (name === 'path_remove_directory') {
          mkdirSync(path.join(scene.folder, 'made'), { recursive: true });
        }
      }
    }
    t.is(call(scene, name, list), E.SUCCESS, 'as the table has it');
  });

  const counted = pointers.filter((index) => (list[index] as Pointer).unit !== undefined);
  if (counted.length === 0) continue;
  test(`${name}: lengths that leave the memory or wrap around`, (t) => {
    const scene = prepare(t);
    for (const index of counted) {
      const { unit, length } = list[index] as Pointer;
      for (const count of [2 ** 32 - 1, 2 ** 31, 2 ** 29, Math.ceil(SIZE / unit!) + 1]) {
        // More subscriptions than this are INVAL wherever they are.
        const most = name === 'poll_oneoff' ? 2 ** 20 : 2 ** 32;
        const changed = list.map((argument, place) =>
          place === index + length ? Math.min(count, most) | 0 : argument,
        );
        judge(t, scene, name, changed, false);
      }
    }
  });
}

/** Calls, and looks that nothing has happened when the arguments do not fit. */
function judge(
  t: ExecutionContext,
  scene: Scene,
  name: WasiName,
  list: readonly Argument[],
  fits: boolean,
): void {
  const [memory, before] = [Buffer.from(scene.host.bytes), effects(scene)];
  const shown = `${name}(${list.map((argument) => Number(addressOf(argument)) >>> 0).join(', ')})`;
  const error = call(scene, name, list);
  if (fits) {
    t.is(typeof error, 'number', shown);
    return;
  }
  t.is(error, E.FAULT, shown);
  t.true(memory.equals(scene.host.bytes), shown);
  t.deepEqual(effects(scene), before, shown);
}

for (const name of [
  'fd_read',
  'fd_write',
  'fd_pread',
  'fd_pwrite',
  'sock_recv',
  'sock_send',
] as const) {
  test(`${name}: one piece that leaves the memory is a FAULT for all of them`, (t) => {
    const scene = prepare(t);
    const { view } = scene.host;
    for (const [at, length] of [
      [SIZE, 1],
      [SIZE - 1, 2],
      [0, SIZE + 1],
      [2 ** 31, 1],
      [2 ** 32 - 1, 1],
      [2 ** 32 - 1, 2],
      [1, 2 ** 32 - 1],
      [SIZE + 1, 0],
    ] as const) {
      view.setUint32(VECTOR + 8, at, true);
      view.setUint32(VECTOR + 12, length, true);
      const list = calls[name]!.map((argument, index) => (index === 2 ? 2 : argument));
      judge(t, scene, name, list, false);
    }
  });
}

test('a memory that has grown is found again', (t) => {
  const { host } = prepare(t);
  host.memory.grow(1);
  t.is(host.receive(SOCKET), 'abc');
  t.is(host.call.random_get(SIZE, SIZE), E.SUCCESS);
  t.is(host.call.random_get(SIZE, SIZE + 1), E.FAULT);
});
