// Files beneath a pre-opened folder: what the public WASI testsuite expects of hosts, and that nothing
// leads out of the folder.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { KIND_FOLDER } from '../../host/wasi/preview1/descriptors.ts';
import {
  DIRENT,
  E,
  FDFLAGS_APPEND,
  FDFLAGS_NONBLOCK,
  FDFLAGS_SYNC,
  FILETYPE_DIRECTORY,
  FILETYPE_REGULAR_FILE,
  FILETYPE_SYMBOLIC_LINK,
  FSTFLAGS_MTIM,
  FSTFLAGS_MTIM_NOW,
  LOOKUPFLAGS_SYMLINK_FOLLOW,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  OFLAGS_EXCL,
  OFLAGS_TRUNC,
  RIGHT_FD_ALLOCATE,
  RIGHT_FD_FILESTAT_SET_SIZE,
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  RIGHTS_ALL,
  RIGHTS_FOLDER,
} from '../../host/wasi/preview1/numbers.ts';
import { temporary } from '../helpers/process.ts';
import { DATA, OUT, RESULT, WasiHost } from '../helpers/wasi-host.ts';

const [ROOT, READ_ONLY] = [0, 1];
const READ = BigInt(RIGHT_FD_READ);
const WRITE = BigInt(RIGHT_FD_WRITE);
const [PATH, OTHER] = [0x600, 0x800];
const [SET, CUR, END] = [0, 1, 2];

interface OpenOptions {
  readonly in?: number;
  readonly follow?: boolean;
  readonly how?: number;
  readonly rights?: bigint;
  readonly flags?: number;
}

/** A guest whose number 0 is an empty folder, and the folder's parent, where it must not get. */
class Sandbox {
  readonly t: ExecutionContext;
  readonly host: WasiHost;
  readonly outside: string;
  readonly inside: string;

  /** Number 1 is the same folder, read-only. */
  constructor(t: ExecutionContext, kernel = native) {
    this.t = t;
    this.outside = temporary(t);
    this.inside = path.join(this.outside, 'inside');
    mkdirSync(this.inside);
    writeFileSync(path.join(this.outside, 'secret'), 'secret');
    const opened = { preopen: '/', rights: RIGHTS_FOLDER, inheriting: RIGHTS_ALL };
    const folder = () => ({ fd: openSync(this.inside, 'r'), kind: KIND_FOLDER, flags: 0, opened });
    this.host = new WasiHost(t, [folder(), { ...folder(), readOnly: true }], { native: kernel });
  }

  at(name: string): string {
    return path.join(this.inside, name);
  }

  path(text: string | Uint8Array, at = PATH): [number, number] {
    return [at, this.host.put(text, at)];
  }

  /** The error; the new number is the host's result. */
  open(name: string | Uint8Array, options: OpenOptions = {}): number | undefined {
    const { in: folder = ROOT, follow = false, how = 0, rights = 0n, flags = 0 } = options;
    const lookup = follow ? LOOKUPFLAGS_SYMLINK_FOLLOW : 0;
    return this.host.call.path_open(
      folder,
      lookup,
      ...this.path(name),
      how,
      rights,
      0n,
      flags,
      RESULT,
    );
  }

  opened(name: string, options: OpenOptions = {}): number {
    this.t.is(this.open(name, options), E.SUCCESS, name);
    return this.host.result;
  }

  create(name: string): void {
    this.t.is(this.host.call.fd_close(this.opened(name, { how: OFLAGS_CREAT })), E.SUCCESS);
  }

  on(call: 'path_create_directory' | 'path_remove_directory' | 'path_unlink_file', name: string) {
    return this.host.call[call](ROOT, ...this.path(name));
  }

  symlink(destination: string, name: string): number | undefined {
    return this.host.call.path_symlink(...this.path(destination, OTHER), ROOT, ...this.path(name));
  }

  rename(from: string, to: string): number | undefined {
    return this.host.call.path_rename(ROOT, ...this.path(from, OTHER), ROOT, ...this.path(to));
  }

  link(from: string, to: string, lookup = 0): number | undefined {
    return this.host.call.path_link(
      ROOT,
      lookup,
      ...this.path(from, OTHER),
      ROOT,
      ...this.path(to),
    );
  }

  readlink(name: string, room = 4096): string | number | undefined {
    const error = this.host.call.path_readlink(ROOT, ...this.path(name), DATA, room, RESULT);
    return error === E.SUCCESS ? this.host.text(this.host.result) : error;
  }

  stat(name: string, follow = false) {
    const lookup = follow ? LOOKUPFLAGS_SYMLINK_FOLLOW : 0;
    const error = this.host.call.path_filestat_get(ROOT, lookup, ...this.path(name), OUT);
    return error === E.SUCCESS ? this.filestat() : error;
  }

  filestat() {
    const { view } = this.host;
    return {
      ino: view.getBigUint64(OUT + 8, true),
      type: view.getUint8(OUT + 16),
      links: view.getBigUint64(OUT + 24, true),
      size: view.getBigUint64(OUT + 32, true),
      mtim: view.getBigUint64(OUT + 48, true),
    };
  }

  seek(number: number, offset: bigint, whence: number): bigint | number | undefined {
    const error = this.host.call.fd_seek(number, offset, whence, RESULT);
    return error === E.SUCCESS ? this.host.view.getBigUint64(RESULT, true) : error;
  }

  list(number: number, cookie = 0n, room = 0x2000) {
    const at = 0x4000;
    this.t.is(this.host.call.fd_readdir(number, at, room, cookie, RESULT), E.SUCCESS);
    const { view, result } = this.host;
    const entries: { name: string; ino: bigint; type: number; next: bigint }[] = [];
    for (let place = at; place + DIRENT <= at + result; ) {
      const length = view.getUint32(place + 16, true);
      if (place + DIRENT + length > at + result) break;
      entries.push({
        name: this.host.text(length, place + DIRENT),
        ino: view.getBigUint64(place + 8, true),
        type: view.getUint8(place + 20),
        next: view.getBigUint64(place, true),
      });
      place += DIRENT + length;
    }
    return { entries, full: result === room };
  }
}

test('interesting paths: dots and slashes inside are followed, what leads out is PERM', (t) => {
  const box = new Sandbox(t);
  for (const name of ['dir', 'dir/nested']) t.is(box.on('path_create_directory', name), E.SUCCESS);
  box.create('dir/nested/file');
  box.opened('dir/.//nested/../../dir/nested/../nested///./file');
  box.opened('dir/nested/');
  box.opened('dir/nested///');
  box.opened('.');
  t.is(box.open('/dir/nested/file'), E.PERM);
  t.is(box.open('dir/nested/../../../secret'), E.PERM);
  t.is(box.open('..'), E.PERM);
  t.is(box.open('../inside/dir/nested/file'), E.PERM);
  t.is(box.open('dir/nested/file\0'), E.INVAL);
  t.is(box.open('dir/nested/file/'), E.NOTDIR);
  t.is(box.open('dir/nested/file///'), E.NOTDIR);
  t.is(box.open(''), E.NOENT);
  t.is(box.open('none'), E.NOENT);
  t.is(box.open('x'.repeat(256)), E.NAMETOOLONG);
  t.is(box.open('x/'.repeat(2100)), E.NAMETOOLONG);
  t.is(box.open(Uint8Array.of(0x66, 0xff)), E.ILSEQ);
});

/** Every way to name something by a path, with the errors that say that it did not get there. */
const refusals = [E.PERM, E.LOOP, E.NOTDIR, E.INVAL, E.EXIST, E.BUSY, E.ISDIR] as const;

for (const [title, destination] of [
  ['an absolute link', '/'],
  ['a link with dots', '..'],
  ['a link to itself through the parent', '../inside/../'],
  ['a chain of links', 'first'],
  ['no link at all', null],
] as const) {
  test(`nothing leads out of the folder: ${title}`, (t) => {
    const box = new Sandbox(t);
    const base = destination === null ? '..' : 'link';
    if (destination !== null) {
      if (title === 'a chain of links') symlinkSync('..', box.at('first'));
      const to = title === 'an absolute link' ? box.outside : destination;
      symlinkSync(to, box.at('link'));
    }
    const secret = `${base}/secret`;
    const all = { follow: true, rights: READ | WRITE };
    box.create('own');
    const before = snapshot(box.outside);
    const results = {
      open: box.open(secret, all),
      create: box.open(`${base}/made`, { ...all, how: OFLAGS_CREAT }),
      truncate: box.open(secret, { ...all, how: OFLAGS_TRUNC }),
      folder: box.open(base, { follow: true, how: OFLAGS_DIRECTORY }),
      slash: box.open(`${base}/`, { follow: false }),
      mkdir: box.on('path_create_directory', `${base}/made`),
      rmdir: box.on('path_remove_directory', `${base}/inside`),
      unlink: box.on('path_unlink_file', secret),
      stat: box.stat(secret, true),
      lstat: box.stat(secret),
      'stat of it': box.stat(base, true),
      'stat with a slash': box.stat(`${base}/`),
      times: times(box, secret),
      'times with a slash': times(box, `${base}/`),
      readlink: box.readlink(`${base}/link`),
      'readlink with a slash': box.readlink(`${base}/`),
      symlink: box.symlink('x', `${base}/made`),
      'rename to': box.rename('own', `${base}/own`),
      'rename from': box.rename(secret, 'taken'),
      'link to': box.link('own', `${base}/own`),
      'link from': box.link(secret, 'taken'),
      'link with a slash': box.link(`${base}/`, 'taken'),
    };
    for (const [name, error] of Object.entries(results)) {
      t.true(
        (refusals as readonly unknown[]).includes(error),
        `${name}: ${JSON.stringify(error, show)}`,
      );
    }
    t.deepEqual(snapshot(box.outside), before);
  });
}

const show = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

function times(box: Sandbox, name: string): number | undefined {
  return box.host.call.path_filestat_set_times(
    ROOT,
    LOOKUPFLAGS_SYMLINK_FOLLOW,
    ...box.path(name),
    0n,
    1n,
    FSTFLAGS_MTIM,
  );
}

/** Everything beneath a folder; links are not followed. */
function snapshot(folder: string): unknown[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    const { size, mtimeMs, nlink } = lstatSync(file);
    if (entry.isDirectory()) return [[file], ...snapshot(file)];
    return [[file, size, mtimeMs, nlink]];
  });
}

test('a folder that is moved away stays the folder, and what it was moved to stays outside', (t) => {
  const box = new Sandbox(t);
  mkdirSync(box.at('dir'));
  writeFileSync(box.at('dir/file'), 'text');
  const number = box.opened('dir', { how: OFLAGS_DIRECTORY });
  renameSync(box.at('dir'), path.join(box.outside, 'moved'));
  symlinkSync(box.outside, box.at('dir'));
  t.is(box.open('file', { in: number }), E.SUCCESS);
  t.is(box.open('../secret', { in: number }), E.PERM);
  t.is(box.open('dir/secret', { follow: true }), E.PERM);
});

test('an absolute link cannot be made', (t) => {
  const box = new Sandbox(t);
  t.is(box.symlink('/etc/passwd', 'link'), E.PERM);
  t.deepEqual(readdirSync(box.inside), []);
});

test('without following, a link is LOOP, and as a folder NOTDIR or LOOP', (t) => {
  const box = new Sandbox(t);
  box.on('path_create_directory', 'target');
  t.is(box.symlink('target', 'link'), E.SUCCESS);
  t.is(box.open('link'), E.LOOP);
  t.true([E.LOOP, E.NOTDIR].includes(box.open('link', { how: OFLAGS_DIRECTORY }) as never));
  box.opened('link', { how: OFLAGS_DIRECTORY, follow: true });
  t.is(box.symlink('loop', 'loop'), E.SUCCESS);
  t.is(box.open('loop', { follow: true }), E.LOOP);
  t.is(box.open('loop'), E.LOOP);
  box.create('file');
  t.is(box.symlink('file', 'to-file'), E.SUCCESS);
  t.is(box.open('to-file', { how: OFLAGS_DIRECTORY, follow: true }), E.NOTDIR);
});

test('a dangling link is there, and leads nowhere', (t) => {
  const box = new Sandbox(t);
  t.is(box.symlink('none', 'link'), E.SUCCESS);
  t.is(box.open('link', { follow: true }), E.NOENT);
  t.is(box.readlink('link'), 'none');
  t.is((box.stat('link') as { type: number }).type, FILETYPE_SYMBOLIC_LINK);
  t.is(box.stat('link', true), E.NOENT);
  t.is(box.on('path_unlink_file', 'link'), E.SUCCESS);
});

test('a link is read as far as the buffer goes', (t) => {
  const box = new Sandbox(t);
  box.symlink('target', 'link');
  box.host.bytes.fill(0, DATA, DATA + 16);
  t.is(box.readlink('link', 10), 'target');
  t.is(box.host.bytes[DATA + 6], 0);
  t.is(box.readlink('link', 4), 'targ');
  box.create('file');
  t.is(box.readlink('file'), E.INVAL);
});

test('trailing slashes: only a folder has them', (t) => {
  const box = new Sandbox(t);
  box.on('path_create_directory', 'dir/');
  box.create('file');
  t.is(box.on('path_unlink_file', 'dir'), E.ISDIR);
  t.is(box.on('path_unlink_file', 'dir/'), E.ISDIR);
  t.is(box.on('path_unlink_file', 'file/'), E.NOTDIR);
  t.is(box.on('path_remove_directory', 'file'), E.NOTDIR);
  t.is(box.on('path_remove_directory', 'file/'), E.NOTDIR);
  t.is(box.symlink('x', 'new/'), E.NOENT);
  t.is(box.symlink('x', 'dir/'), E.EXIST);
  t.is(box.symlink('x', 'dir'), E.EXIST);
  t.true([E.NOTDIR, E.EXIST].includes(box.symlink('x', 'file/') as never));
  t.is(box.link('file', 'new/'), E.NOENT);
  t.is(box.rename('dir/', 'moved/'), E.SUCCESS);
  t.is(box.on('path_remove_directory', 'moved/'), E.SUCCESS);
});

test('folders are made and removed when they are empty', (t) => {
  const box = new Sandbox(t);
  t.is(box.on('path_create_directory', 'dir'), E.SUCCESS);
  t.is(box.on('path_create_directory', 'dir'), E.EXIST);
  t.is(box.on('path_create_directory', 'none/dir'), E.NOENT);
  box.create('dir/file');
  t.is(box.on('path_remove_directory', 'dir'), E.NOTEMPTY);
  t.is(box.on('path_unlink_file', 'dir/file'), E.SUCCESS);
  t.is(box.on('path_remove_directory', 'dir'), E.SUCCESS);
  t.is(box.on('path_remove_directory', 'dir'), E.NOENT);
  t.is(box.on('path_remove_directory', '.'), E.INVAL);
  t.is(box.on('path_create_directory', '.'), E.EXIST);
  t.is(box.on('path_unlink_file', '.'), E.ISDIR);
});

test('renaming replaces what may be replaced', (t) => {
  const box = new Sandbox(t);
  const mkdir = (name: string) => t.is(box.on('path_create_directory', name), E.SUCCESS);
  mkdir('source');
  t.is(box.rename('source', 'target'), E.SUCCESS);
  t.is(box.open('source', { how: OFLAGS_DIRECTORY }), E.NOENT);
  mkdir('source');
  t.is(box.rename('source', 'target'), E.SUCCESS);
  mkdir('source');
  box.create('target/file');
  t.is(box.rename('source', 'target'), E.NOTEMPTY);
  t.is(box.rename('source', 'target/file'), E.NOTDIR);
  box.create('file');
  t.is(box.rename('file', 'source'), E.ISDIR);
  box.create('other');
  t.is(box.rename('file', 'other'), E.SUCCESS);
  t.is(box.open('file'), E.NOENT);
  t.is(box.rename('none', 'other'), E.NOENT);
});

test('hard links share the file, and are not made of folders or through links', (t) => {
  const box = new Sandbox(t);
  box.create('file');
  t.is(box.link('file', 'link'), E.SUCCESS);
  const [file, link] = [box.stat('file'), box.stat('link')];
  t.deepEqual(file, link);
  t.is((file as { links: bigint }).links, 2n);
  t.is(box.link('file', 'link'), E.EXIST);
  t.is(box.link('file', 'file'), E.EXIST);
  box.on('path_create_directory', 'dir');
  t.is(box.link('dir', 'other'), E.PERM);
  t.is(box.link('file', 'dir'), E.EXIST);
  t.is(box.symlink('none', 'dangling'), E.SUCCESS);
  t.is(box.link('dangling', 'second'), E.SUCCESS);
  t.is(readlinkSync(box.at('second')), 'none');
  t.is(box.link('dangling', 'third', LOOKUPFLAGS_SYMLINK_FOLLOW), E.INVAL);
});

test('opening: what must be new, what must be there, and what is emptied', (t) => {
  const box = new Sandbox(t);
  t.is(box.open('file'), E.NOENT);
  box.create('file');
  t.is(box.open('file', { how: OFLAGS_CREAT | OFLAGS_EXCL }), E.EXIST);
  t.is(box.open('file', { how: OFLAGS_DIRECTORY }), E.NOTDIR);
  t.is(box.open('file', { how: 16 }), E.INVAL);
  t.is(box.open('file', { how: OFLAGS_CREAT | OFLAGS_DIRECTORY }), E.INVAL);
  t.is(box.open('file', { flags: 32 }), E.INVAL);
  t.is(box.host.call.path_open(ROOT, 2, ...box.path('file'), 0, 0n, 0n, 0, RESULT), E.INVAL);
  writeFileSync(box.at('file'), 'text');
  box.opened('file', { how: OFLAGS_TRUNC });
  t.is(readFileSync(box.at('file'), 'utf8'), '');
  box.opened('.', { flags: FDFLAGS_NONBLOCK });
  const number = box.opened('file');
  t.is(box.open('x', { in: number }), E.NOTDIR);
});

test('a file may be used as it was opened, for reading or for writing', (t) => {
  const box = new Sandbox(t);
  const { host } = box;
  const writer = box.opened('file', { how: OFLAGS_CREAT, rights: WRITE });
  t.is(host.receive(writer), E.BADF);
  t.is(host.send(writer, 'written'), E.SUCCESS);
  const reader = box.opened('file', { rights: READ });
  t.is(host.send(reader, 'x'), E.BADF);
  t.is(host.receive(reader), 'written');
  const none = box.opened('file');
  t.is(host.receive(none), E.BADF);
  t.is(host.send(none, 'x'), E.BADF);
  const vectors = host.vectors([DATA, 1]);
  t.is(host.call.fd_pread(none, ...vectors, 0n, RESULT), E.BADF);
  t.is(host.call.fd_pwrite(reader, ...vectors, 0n, RESULT), E.BADF);
  t.is(host.call.fd_filestat_set_size(reader, 0n), E.BADF);
});

test('positions: seek, tell, and what is read or written at a place', (t) => {
  const box = new Sandbox(t);
  const { host } = box;
  const number = box.opened('file', { how: OFLAGS_CREAT, rights: READ | WRITE });
  host.send(number, '0123456789');
  t.is(box.seek(number, 0n, CUR), 10n);
  t.is(box.seek(number, 2n, SET), 2n);
  t.is(host.receive(number, 3), '234');
  t.is(box.seek(number, -1n, END), 9n);
  t.is(box.seek(number, -10n, CUR), E.INVAL);
  t.is(box.seek(number, 0n, 3), E.INVAL);
  t.is(box.seek(number, 2n ** 62n, SET), E.INVAL);
  t.is(host.call.fd_tell(number, RESULT), E.SUCCESS);
  t.is(host.view.getBigUint64(RESULT, true), 9n);
  t.is(
    host.call.fd_pread(number, ...host.vectors([DATA, 2], [DATA + 2, 2]), 4n, RESULT),
    E.SUCCESS,
  );
  t.is(host.text(host.result), '4567');
  host.put('AB');
  t.is(host.call.fd_pwrite(number, ...host.vectors([DATA, 2]), 12n, RESULT), E.SUCCESS);
  t.is(readFileSync(box.at('file'), 'latin1'), '0123456789\0\0AB');
  t.is(box.seek(number, 0n, CUR), 9n);
  t.is(host.call.fd_pread(number, ...host.vectors([DATA, 2]), 100n, RESULT), E.SUCCESS);
  t.is(host.result, 0);
  t.is(host.call.fd_pread(number, ...host.vectors([DATA, 2]), -1n, RESULT), E.INVAL);
});

test('APPEND writes at the end, until it is switched off; SYNC is kept from the opening', (t) => {
  const box = new Sandbox(t);
  const { host } = box;
  const flags = FDFLAGS_APPEND | FDFLAGS_SYNC;
  const number = box.opened('file', { how: OFLAGS_CREAT, rights: READ | WRITE, flags });
  host.call.fd_fdstat_get(number, OUT);
  t.is(host.view.getUint16(OUT + 2, true), flags);
  host.send(number, 'aa');
  box.seek(number, 0n, SET);
  host.send(number, 'bb');
  t.is(readFileSync(box.at('file'), 'utf8'), 'aabb');
  t.is(host.call.fd_fdstat_set_flags(number, FDFLAGS_SYNC), E.SUCCESS);
  box.seek(number, 0n, SET);
  host.send(number, 'cc');
  t.is(readFileSync(box.at('file'), 'utf8'), 'ccbb');
  t.is(host.call.fd_fdstat_set_flags(number, 0), E.NOTSUP);
});

test('sizes: set, and not by allocating, which is not supported', (t) => {
  const box = new Sandbox(t);
  const { host } = box;
  const number = box.opened('file', { how: OFLAGS_CREAT, rights: READ | WRITE });
  t.is(host.call.fd_filestat_set_size(number, 100n), E.SUCCESS);
  t.is((box.stat('file') as { size: bigint }).size, 100n);
  t.is(host.call.fd_filestat_set_size(number, -1n), E.FBIG);
  t.is(host.call.fd_advise(number, 10n, 50n, 0), E.SUCCESS);
  t.is(host.call.fd_advise(number, 10n, 50n, 6), E.INVAL);
  t.is(host.call.fd_allocate(number, 100n, 100n), E.NOTSUP);
  t.is(host.call.fd_sync(number), E.SUCCESS);
  t.is(host.call.fd_datasync(number), E.SUCCESS);
  t.is((box.stat('file') as { size: bigint }).size, 100n);
});

test('times are set to the nanosecond, of a link or of what it leads to', (t) => {
  const box = new Sandbox(t);
  const { host } = box;
  const number = box.opened('file', { how: OFLAGS_CREAT, rights: WRITE });
  box.symlink('file', 'link');
  const at = (name: string, follow = false) => (box.stat(name, follow) as { mtim: bigint }).mtim;
  const setTimes = (name: string, mtim: bigint, flags: number, follow = false) =>
    host.call.path_filestat_set_times(ROOT, follow ? 1 : 0, ...box.path(name), 0n, mtim, flags);
  const [first, second] = [1_600_000_000_123_456_789n, 1_500_000_000_000_000_001n];
  t.is(setTimes('file', first, FSTFLAGS_MTIM), E.SUCCESS);
  t.is(at('file'), first);
  t.is(setTimes('link', second, FSTFLAGS_MTIM), E.SUCCESS);
  t.deepEqual([at('link'), at('file')], [second, first]);
  t.is(setTimes('link', second, FSTFLAGS_MTIM, true), E.SUCCESS);
  t.is(at('file'), second);
  t.is(setTimes('file', first, FSTFLAGS_MTIM | FSTFLAGS_MTIM_NOW), E.INVAL);
  t.is(setTimes('file', first, 16), E.INVAL);
  t.is(at('file'), second);
  t.is(host.call.fd_filestat_set_times(number, 0n, first, FSTFLAGS_MTIM), E.SUCCESS);
  t.is(at('file'), first);
  t.is(host.call.fd_filestat_set_times(number, 0n, 0n, FSTFLAGS_MTIM_NOW), E.SUCCESS);
  t.true(at('file') > first);
});

test('a folder as such is not read, written, sought or resized', (t) => {
  const { host } = new Sandbox(t);
  const vectors = host.vectors([DATA, 1]);
  t.is(host.receive(ROOT), E.ISDIR);
  t.is(host.send(ROOT, 'x'), E.ISDIR);
  t.is(host.call.fd_pread(ROOT, ...vectors, 0n, RESULT), E.ISDIR);
  t.is(host.call.fd_pwrite(ROOT, ...vectors, 0n, RESULT), E.ISDIR);
  for (const whence of [SET, CUR, END]) t.is(host.call.fd_seek(ROOT, 0n, whence, RESULT), E.BADF);
  t.is(host.call.fd_tell(ROOT, RESULT), E.BADF);
  t.is(host.call.fd_allocate(ROOT, 0n, 1n), E.BADF);
  t.is(host.call.fd_filestat_set_size(ROOT, 0n), E.BADF);
  t.is(host.call.fd_filestat_get(ROOT, OUT), E.SUCCESS);
  t.is(host.view.getUint8(OUT + 16), FILETYPE_DIRECTORY);
});

test('a folder is not opened for writing, and a file not as a folder', (t) => {
  const box = new Sandbox(t);
  mkdirSync(box.at('sub'));
  box.create('file');
  for (const rights of [WRITE, READ | WRITE, RIGHT_FD_ALLOCATE, RIGHT_FD_FILESTAT_SET_SIZE]) {
    t.is(box.open('.', { how: OFLAGS_DIRECTORY, rights: BigInt(rights) }), E.ISDIR);
    for (const how of [0, OFLAGS_DIRECTORY]) {
      t.is(box.open('sub', { how, rights: BigInt(rights) }), E.ISDIR);
    }
    t.is(box.open('file', { how: OFLAGS_DIRECTORY, rights: BigInt(rights) }), E.NOTDIR);
  }
  t.is(box.open('none', { how: OFLAGS_DIRECTORY, rights: WRITE }), E.NOENT);
  box.opened('sub', { how: OFLAGS_DIRECTORY, rights: BigInt(RIGHTS_FOLDER) });
});

test('beneath a read-only folder everything can be read, and nothing changed', (t) => {
  const box = new Sandbox(t);
  mkdirSync(box.at('sub'));
  for (const name of ['file', 'sub/file', 'elsewhere']) writeFileSync(box.at(name), 'as it was');
  symlinkSync('file', box.at('link'));
  const { call, host } = { call: box.host.call, host: box.host };
  const sub = box.opened('sub', { in: READ_ONLY });
  // What it is called afterwards makes no difference.
  const other = box.opened('elsewhere');
  t.is(call.fd_renumber(sub, other), E.SUCCESS);
  const everything = () => [
    readdirSync(box.inside, { recursive: true }).sort(),
    ...['file', 'sub/file'].map((name) => {
      const { mtimeNs, nlink, size } = statSync(box.at(name), { bigint: true });
      return { text: readFileSync(box.at(name), 'utf8'), mtimeNs, nlink, size };
    }),
  ];
  const before = everything();
  for (const folder of [READ_ONLY, other]) {
    const file = box.opened('file', { in: folder, rights: READ });
    t.is(call.fd_read(file, ...host.vectors([DATA, 9]), RESULT), E.SUCCESS);
    t.is(host.text(9), 'as it was');
    t.is(call.path_filestat_get(folder, 0, ...box.path('file'), OUT), E.SUCCESS);
    t.is(call.fd_readdir(folder, OUT, 4096, 0n, RESULT), E.SUCCESS);
    for (const rights of [WRITE, READ | WRITE, BigInt(RIGHT_FD_FILESTAT_SET_SIZE)]) {
      t.is(box.open('file', { in: folder, rights }), E.ROFS);
    }
    for (const how of [OFLAGS_CREAT, OFLAGS_TRUNC]) {
      t.is(box.open('file', { in: folder, how, rights: READ }), E.ROFS);
    }
    const [old, fresh] = [box.path('file'), box.path('fresh', OTHER)];
    t.deepEqual(
      [
        call.path_create_directory(folder, ...fresh),
        call.path_remove_directory(folder, ...old),
        call.path_unlink_file(folder, ...old),
        call.path_symlink(...old, folder, ...fresh),
        call.path_filestat_set_times(folder, 0, ...old, 0n, 0n, FSTFLAGS_MTIM_NOW),
        call.fd_filestat_set_times(file, 0n, 0n, FSTFLAGS_MTIM_NOW),
        call.fd_filestat_set_times(folder, 0n, 0n, FSTFLAGS_MTIM_NOW),
        ...[folder, ROOT].flatMap((to) => [
          call.path_rename(folder, ...old, to, ...fresh),
          call.path_link(folder, 0, ...old, to, ...fresh),
        ]),
        call.path_rename(ROOT, ...old, folder, ...fresh),
        call.path_link(ROOT, 0, ...old, folder, ...fresh),
      ],
      Array.from({ length: 13 }, () => E.ROFS),
    );
    t.is(call.fd_write(file, ...host.vectors([DATA, 9]), RESULT), E.BADF);
    t.is(call.fd_filestat_set_size(file, 0n), E.BADF);
  }
  t.deepEqual(everything(), before);
  // A number that is free again is nothing special.
  t.is(call.fd_close(other), E.SUCCESS);
  t.is(box.opened('file', { rights: WRITE }), other);
});

test('a listing has dots first, each entry with its inode and kind, and goes on at a cookie', (t) => {
  const box = new Sandbox(t);
  const { ino } = box.stat('.') as { ino: bigint };
  const empty = box.list(ROOT);
  t.false(empty.full);
  t.deepEqual(
    empty.entries.map(({ name, type }) => [name, type]),
    [
      ['.', FILETYPE_DIRECTORY],
      ['..', FILETYPE_DIRECTORY],
    ],
  );
  t.is(empty.entries[0]!.ino, ino);
  box.create('file');
  const { entries } = box.list(ROOT);
  const file = entries[2]!;
  t.like(file, {
    name: 'file',
    type: FILETYPE_REGULAR_FILE,
    ino: (box.stat('file') as never as { ino: bigint }).ino,
  });
  t.deepEqual(
    box.list(ROOT, entries[1]!.next).entries.map(({ name }) => name),
    ['file'],
  );
  t.deepEqual(box.list(ROOT, 2n ** 63n).entries, []);
});

test('a listing of a thousand entries is whole, through a small buffer', (t) => {
  const box = new Sandbox(t);
  for (let count = 0; count < 1000; count += 1) writeFileSync(box.at(`file.${count}`), '');
  const names = new Set<string>();
  let cookie = 0n;
  for (let full = true; full; ) {
    const part = box.list(ROOT, cookie, 256);
    full = part.full;
    for (const { name } of part.entries) names.add(name);
    cookie = part.entries.at(-1)?.next ?? cookie;
  }
  t.is(names.size, 1002);
});

test('numbers of files: the lowest free, MFILE when there is none, and closed with the rest', (t) => {
  const box = new Sandbox(t);
  box.create('file');
  for (let number = 2; number < 64; number += 1) t.is(box.opened('file'), number);
  t.is(box.open('file'), E.MFILE);
  t.is(box.open('new', { how: OFLAGS_CREAT }), E.MFILE);
  t.false(existsSync(box.at('new')));
  box.host.call.fd_close(5);
  t.is(box.opened('file'), 5);
});

test('renumbering a file keeps its rights; the standard streams may go, too', (t) => {
  const box = new Sandbox(t);
  const { host } = box;
  const [first, second] = [
    box.opened('one', { how: OFLAGS_CREAT, rights: WRITE }),
    box.opened('two', { how: OFLAGS_CREAT, rights: READ }),
  ];
  t.is(host.call.fd_renumber(first, second), E.SUCCESS);
  t.is(host.call.fd_close(first), E.BADF);
  t.is(host.send(second, 'text'), E.SUCCESS);
  t.is(host.receive(second), E.BADF);
  t.is(readFileSync(box.at('one'), 'utf8'), 'text');
  t.is(host.call.fd_renumber(second, first), E.BADF);
});

test('what the kernel cannot decide while something is renamed is asked again, not for ever', (t) => {
  const { EAGAIN } = native.constants;
  let refusals = 3;
  const openBeneath: typeof native.openBeneath = (...values) => {
    refusals -= 1;
    return refusals >= 0 ? -EAGAIN : native.openBeneath(...values);
  };
  const box = new Sandbox(t, { ...native, openBeneath });
  t.is(box.open('.'), E.SUCCESS);
  refusals = Number.POSITIVE_INFINITY;
  t.is(box.open('.'), E.AGAIN);
});
