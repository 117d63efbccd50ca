// Bytes through sockets and standard streams, accepting, closing and renumbering.

import { constants, openSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { Inheritance } from '../../host/wasi/inheritance.ts';
import { KIND_FOLDER } from '../../host/wasi/preview1/descriptors.ts';
import {
  E,
  FDFLAGS_NONBLOCK,
  FDSTAT,
  FILETYPE_CHARACTER_DEVICE,
  FILETYPE_DIRECTORY,
  FILETYPE_SOCKET_STREAM,
  FILETYPE_UNKNOWN,
  RIGHTS_ALL,
  RIGHTS_DEVICE,
  RIGHTS_FOLDER,
  RIGHTS_STREAM,
} from '../../host/wasi/preview1/numbers.ts';
import { Exit, Stop } from '../../host/wasi/preview1/waiter.ts';
import { drain, owned, stuff } from '../helpers/native.ts';
import {
  arrived,
  DATA,
  listener,
  OUT,
  RESULT,
  sendAll,
  socket,
  stream,
  tcpPair,
  WasiHost,
} from '../helpers/wasi-host.ts';

function pair(t: ExecutionContext, flags = FDFLAGS_NONBLOCK) {
  const [client, accepted] = tcpPair();
  owned(t, client);
  return { client, accepted, host: new WasiHost(t, [socket(accepted, flags)]) };
}

/** A host whose number 0 is a listener, with so many clients waiting. */
function listening(t: ExecutionContext, clients: number, flags = 0, limit = 64, quietMs = 0) {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 64);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  const host = new WasiHost(t, [listener(waiting, flags)], { limit, quietMs });
  const fds = Array.from({ length: clients }, () => owned(t, native.connectTcp('127.0.0.1', port)));
  return { host, clients: fds, waiting };
}

const folder = () => ({
  fd: openSync('/', 'r'),
  kind: KIND_FOLDER,
  flags: 0,
  opened: { preopen: '/', rights: RIGHTS_FOLDER, inheriting: RIGHTS_ALL },
});

test('bytes go both ways, through fd_read and fd_write as through sock_recv and sock_send', (t) => {
  const { client, accepted, host } = pair(t);
  t.is(host.send(0, 'one'), E.SUCCESS);
  t.is(host.result, 3);
  const length = host.put('two');
  t.is(host.call.sock_send(0, ...host.vectors([DATA, length]), 0, RESULT), E.SUCCESS);
  arrived(client);
  t.is(drain(client).toString(), 'onetwo');
  sendAll(client, 'three');
  arrived(accepted);
  t.is(host.receive(0, 3), 'thr');
  t.is(host.call.sock_recv(0, ...host.vectors([DATA, 9]), 0, RESULT, OUT), E.SUCCESS);
  t.is(host.text(host.result), 'ee');
  t.is(host.receive(0), E.AGAIN);
});

test('pieces are gathered and scattered, empty ones among them', (t) => {
  const { client, accepted, host } = pair(t);
  host.put('abcdefgh');
  const pieces = [
    [DATA, 2],
    [DATA + 6, 0],
    [DATA + 4, 3],
    [DATA, 1],
  ] as const;
  t.is(host.call.fd_write(0, ...host.vectors(...pieces), RESULT), E.SUCCESS);
  t.is(host.result, 6);
  arrived(client);
  t.is(drain(client).toString(), 'abefga');
  sendAll(client, '0123456789');
  arrived(accepted);
  const places = [
    [DATA + 8, 3],
    [DATA, 0],
    [DATA, 4],
  ] as const;
  t.is(host.call.fd_read(0, ...host.vectors(...places), RESULT), E.SUCCESS);
  t.is(host.result, 7);
  t.is(host.text(11), '3456efgh012');
});

test('peeking leaves the bytes where they are', (t) => {
  const { client, accepted, host } = pair(t);
  sendAll(client, 'abc');
  arrived(accepted);
  for (let round = 0; round < 2; round += 1) {
    t.is(host.call.sock_recv(0, ...host.vectors([DATA, 2]), 1, RESULT, OUT), E.SUCCESS);
    t.is(host.text(host.result), 'ab');
  }
  t.is(host.receive(0), 'abc');
});

test('WAITALL takes what there is up to the end of the stream', (t) => {
  const { client, accepted, host } = pair(t, 0);
  sendAll(client, 'abc');
  native.shutdown(client, native.constants.SHUT_WR);
  arrived(accepted);
  t.is(host.call.sock_recv(0, ...host.vectors([DATA, 100]), 2, RESULT, OUT), E.SUCCESS);
  t.is(host.text(host.result), 'abc');
});

test('unknown flags of sock_recv, sock_send, sock_accept and sock_shutdown are INVAL', (t) => {
  const { host } = pair(t);
  const vectors = host.vectors([DATA, 1]);
  t.is(host.call.sock_recv(0, ...vectors, 4, RESULT, OUT), E.INVAL);
  t.is(host.call.sock_send(0, ...vectors, 1, RESULT), E.INVAL);
  for (const how of [0, 4, 7, -1]) t.is(host.call.sock_shutdown(0, how), E.INVAL);
  const { host: second } = listening(t, 0);
  for (const flags of [1, 2, 8, 16, 5, -1])
    t.is(second.call.sock_accept(0, flags, RESULT), E.INVAL);
});

test('the end of the stream is 0 bytes; writing after the own end is PIPE', (t) => {
  const { client, accepted, host } = pair(t);
  native.shutdown(client, native.constants.SHUT_WR);
  arrived(accepted);
  t.is(host.receive(0), '');
  t.is(host.call.sock_shutdown(0, 2), E.SUCCESS);
  t.is(host.send(0, 'x'), E.PIPE);
});

test('what a reset connection has is told once, then it is closed', (t) => {
  const [client, accepted] = tcpPair();
  const host = new WasiHost(t, [socket(accepted)]);
  native.reset(client);
  arrived(accepted);
  t.is(host.receive(0), E.CONNRESET);
  t.is(host.receive(0), '');
  t.is(host.send(0, 'x'), E.PIPE);
});

test('a non-blocking write takes what the kernel takes, then AGAIN', (t) => {
  const { accepted, host } = pair(t);
  stuff(accepted);
  t.is(host.send(0, 'x'), E.AGAIN);
});

test('a blocking read returns with what is there, and does not fill the buffer', (t) => {
  const { client, accepted, host } = pair(t, 0);
  sendAll(client, 'abc');
  arrived(accepted);
  t.is(host.receive(0, 4096), 'abc');
});

test('reading and writing nothing succeed at once', (t) => {
  const { host } = pair(t, 0);
  t.is(host.call.fd_read(0, ...host.vectors(), RESULT), E.SUCCESS);
  t.is(host.call.fd_read(0, ...host.vectors([DATA, 0], [DATA, 0]), RESULT), E.SUCCESS);
  t.is(host.call.fd_write(0, ...host.vectors([DATA, 0]), RESULT), E.SUCCESS);
  t.is(host.result, 0);
});

test('more than 1,024 pieces are written one after the other', (t) => {
  const { client, host } = pair(t, 0);
  const at = 0x4000;
  for (let index = 0; index < 2000; index += 1) {
    host.view.setUint32(at + index * 8, DATA + (index % 10), true);
    host.view.setUint32(at + index * 8 + 4, 1, true);
  }
  host.put('0123456789');
  t.is(host.call.fd_write(0, at, 2000, RESULT), E.SUCCESS);
  t.is(host.result, 2000);
  arrived(client);
  t.is(drain(client).toString(), '0123456789'.repeat(200));
});

test('accepted connections get the lowest free numbers, one after the other', (t) => {
  const { host } = listening(t, 4);
  const accept = (): number => {
    t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
    return host.result;
  };
  t.deepEqual([accept(), accept(), accept()], [1, 2, 3]);
  t.is(host.call.fd_close(2), E.SUCCESS);
  t.is(accept(), 2);
});

test('an accepted connection is blocking unless NONBLOCK was asked for', (t) => {
  const { host } = listening(t, 2);
  for (const [number, flags] of [
    [1, 0],
    [2, FDFLAGS_NONBLOCK],
  ] as const) {
    t.is(host.call.sock_accept(0, flags, RESULT), E.SUCCESS);
    t.is(host.call.fd_fdstat_get(number, OUT), E.SUCCESS);
    t.is(host.view.getUint16(OUT + 2, true), flags);
  }
});

test('a non-blocking listener without a client gives AGAIN', (t) => {
  const { host } = listening(t, 0, FDFLAGS_NONBLOCK);
  t.is(host.call.sock_accept(0, 0, RESULT), E.AGAIN);
});

test('accepting with no number left is MFILE, and the client waits', (t) => {
  const { host } = listening(t, 2, 0, 2);
  t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
  t.is(host.call.sock_accept(0, 0, RESULT), E.MFILE);
  t.is(host.call.fd_close(1), E.SUCCESS);
  t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
});

test('the sock functions on what is no socket are NOTSOCK', (t) => {
  const [reading, writing] = native.pipe() as [number, number];
  const host = new WasiHost(t, [stream(reading), stream(writing), folder()]);
  const vectors = host.vectors([DATA, 1]);
  for (const number of [0, 1, 2]) {
    t.is(host.call.sock_accept(number, 0, RESULT), E.NOTSOCK);
    t.is(host.call.sock_recv(number, ...vectors, 0, RESULT, OUT), E.NOTSOCK);
    t.is(host.call.sock_send(number, ...vectors, 0, RESULT), E.NOTSOCK);
    t.is(host.call.sock_shutdown(number, 1), E.NOTSOCK);
  }
});

test('accepting on a connection is INVAL; reading from a listener is NOTCONN', (t) => {
  const { host } = pair(t);
  t.is(host.call.sock_accept(0, 0, RESULT), E.INVAL);
  const { host: second } = listening(t, 0);
  t.is(second.receive(0), E.NOTCONN);
});

test('shutting down tells the peer, in the direction that was named', (t) => {
  const { client, accepted, host } = pair(t);
  t.is(host.call.sock_shutdown(0, 2), E.SUCCESS);
  arrived(client);
  t.is(native.recv(client, Buffer.alloc(1), 0, 1), 0);
  sendAll(client, 'still');
  arrived(accepted);
  t.is(host.receive(0), 'still');
  t.is(host.call.sock_shutdown(0, 1), E.SUCCESS);
  t.is(host.receive(0), '');
  const { host: both } = pair(t);
  t.is(both.call.sock_shutdown(0, 3), E.SUCCESS);
  t.is(both.send(0, 'x'), E.PIPE);
});

test('closing ends the connection and frees the number', (t) => {
  const { client, host } = pair(t);
  t.is(host.call.fd_close(0), E.SUCCESS);
  arrived(client);
  t.is(native.recv(client, Buffer.alloc(1), 0, 1), 0);
  t.is(host.call.fd_close(0), E.BADF);
  t.is(host.receive(0), E.BADF);
});

test('every function on a number that is not open is BADF', (t) => {
  const { host } = pair(t);
  const { call } = host;
  const [vectors, count] = host.vectors([DATA, 1]);
  for (const bad of [1, 63, 64, 65_536, 2 ** 31 - 1, -1, -(2 ** 31)]) {
    const errors = {
      fd_advise: call.fd_advise(bad, 0n, 0n, 0),
      fd_allocate: call.fd_allocate(bad, 0n, 1n),
      fd_close: call.fd_close(bad),
      fd_datasync: call.fd_datasync(bad),
      fd_fdstat_get: call.fd_fdstat_get(bad, OUT),
      fd_fdstat_set_flags: call.fd_fdstat_set_flags(bad, 0),
      fd_fdstat_set_rights: call.fd_fdstat_set_rights(bad, 0n, 0n),
      fd_filestat_get: call.fd_filestat_get(bad, OUT),
      fd_filestat_set_size: call.fd_filestat_set_size(bad, 0n),
      fd_filestat_set_times: call.fd_filestat_set_times(bad, 0n, 0n, 0),
      fd_pread: call.fd_pread(bad, vectors, count, 0n, RESULT),
      fd_prestat_get: call.fd_prestat_get(bad, OUT),
      fd_prestat_dir_name: call.fd_prestat_dir_name(bad, OUT, 9),
      fd_pwrite: call.fd_pwrite(bad, vectors, count, 0n, RESULT),
      fd_read: call.fd_read(bad, vectors, count, RESULT),
      fd_readdir: call.fd_readdir(bad, OUT, 9, 0n, RESULT),
      fd_renumber: call.fd_renumber(bad, 0),
      'fd_renumber to it': call.fd_renumber(0, bad),
      fd_seek: call.fd_seek(bad, 0n, 0, RESULT),
      fd_sync: call.fd_sync(bad),
      fd_tell: call.fd_tell(bad, RESULT),
      fd_write: call.fd_write(bad, vectors, count, RESULT),
      path_create_directory: call.path_create_directory(bad, DATA, 1),
      path_filestat_get: call.path_filestat_get(bad, 0, DATA, 1, OUT),
      path_filestat_set_times: call.path_filestat_set_times(bad, 0, DATA, 1, 0n, 0n, 0),
      path_link: call.path_link(bad, 0, DATA, 1, bad, DATA, 1),
      path_open: call.path_open(bad, 0, DATA, 1, 0, 0n, 0n, 0, RESULT),
      path_readlink: call.path_readlink(bad, DATA, 1, OUT, 9, RESULT),
      path_remove_directory: call.path_remove_directory(bad, DATA, 1),
      path_rename: call.path_rename(bad, DATA, 1, bad, DATA, 1),
      path_unlink_file: call.path_unlink_file(bad, DATA, 1),
      sock_accept: call.sock_accept(bad, 0, RESULT),
      sock_recv: call.sock_recv(bad, vectors, count, 0, RESULT, OUT),
      sock_send: call.sock_send(bad, vectors, count, 0, RESULT),
      sock_shutdown: call.sock_shutdown(bad, 1),
    };
    for (const [name, error] of Object.entries(errors)) t.is(error, E.BADF, `${name} ${bad}`);
  }
});

test('renumbering closes the target, frees the source, and keeps flags and bytes', (t) => {
  const [first, second] = [tcpPair(), tcpPair()];
  for (const [client] of [first, second]) owned(t, client);
  const host = new WasiHost(t, [socket(first[1]), socket(second[1], 0)]);
  sendAll(second[0], 'kept');
  arrived(second[1]);
  t.is(host.call.fd_renumber(1, 0), E.SUCCESS);
  t.is(host.call.fd_close(1), E.BADF);
  arrived(first[0]);
  t.is(native.recv(first[0], Buffer.alloc(1), 0, 1), 0, 'the target was closed');
  host.call.fd_fdstat_get(0, OUT);
  t.is(host.view.getUint16(OUT + 2, true), 0);
  t.is(host.receive(0), 'kept');
  t.is(host.call.fd_renumber(0, 0), E.SUCCESS);
  t.is(host.send(0, 'x'), E.SUCCESS);
});

interface Fdstat {
  readonly type: number;
  readonly flags: number;
  readonly rights: bigint;
  readonly inheriting: bigint;
}

function fdstat(t: ExecutionContext, host: WasiHost, number: number): Fdstat {
  host.bytes.fill(0xff, OUT, OUT + FDSTAT);
  t.is(host.call.fd_fdstat_get(number, OUT), E.SUCCESS);
  return {
    type: host.view.getUint8(OUT),
    flags: host.view.getUint16(OUT + 2, true),
    rights: host.view.getBigUint64(OUT + 8, true),
    inheriting: host.view.getBigUint64(OUT + 16, true),
  };
}

test('fdstat tells the kind, the flags and the rights', (t) => {
  const [reading] = native.pipe() as [number, number];
  const [client, accepted] = tcpPair();
  owned(t, client);
  const given = [socket(accepted), stream(reading, 0), folder()];
  const host = new WasiHost(t, [...given, stream(openSync('/dev/null', 'r+'), 0)]);
  const [SOCKET, FOLDER] = [0x3820004an, BigInt(RIGHTS_FOLDER)];
  const plain = { flags: 0, inheriting: 0n };
  t.deepEqual(fdstat(t, host, 0), {
    type: FILETYPE_SOCKET_STREAM,
    ...plain,
    flags: 4,
    rights: SOCKET,
  });
  const rights = 0x0820004an;
  t.deepEqual(fdstat(t, host, 1), { type: FILETYPE_UNKNOWN, ...plain, rights });
  t.deepEqual(fdstat(t, host, 2), {
    type: FILETYPE_DIRECTORY,
    ...plain,
    rights: FOLDER,
    inheriting: BigInt(RIGHTS_ALL),
  });
  const device = { type: FILETYPE_CHARACTER_DEVICE, ...plain, rights: BigInt(RIGHTS_DEVICE) };
  t.deepEqual(fdstat(t, host, 3), device);
});

test('NONBLOCK is switched for each number by itself; other flags are not for streams', (t) => {
  const { client, accepted, host } = pair(t, 0);
  t.is(host.call.fd_fdstat_set_flags(0, FDFLAGS_NONBLOCK), E.SUCCESS);
  t.is(host.receive(0), E.AGAIN);
  t.is(fdstat(t, host, 0).flags, FDFLAGS_NONBLOCK);
  t.is(host.call.fd_fdstat_set_flags(0, 0), E.SUCCESS);
  sendAll(client, 'x');
  arrived(accepted);
  t.is(host.receive(0), 'x');
  t.is(host.call.fd_fdstat_set_flags(0, 1), E.NOTSUP);
  t.is(host.call.fd_fdstat_set_flags(0, 16), E.NOTSUP);
  t.is(host.call.fd_fdstat_set_flags(0, 32), E.INVAL);
});

test('rights are those of the kind: more is NOTCAPABLE, fewer NOTSUP', (t) => {
  const { host } = pair(t);
  const { rights } = fdstat(t, host, 0);
  t.is(host.call.fd_fdstat_set_rights(0, rights | 1n, 0n), E.NOTCAPABLE);
  t.is(host.call.fd_fdstat_set_rights(0, rights, 1n), E.NOTCAPABLE);
  t.is(host.call.fd_fdstat_set_rights(0, -1n, 0n), E.NOTCAPABLE);
  t.is(host.call.fd_fdstat_set_rights(0, 0n, 0n), E.NOTSUP);
});

test('pre-opened folders are found by name, and a listener behind them ends the search', (t) => {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 1);
  const host = new WasiHost(t, [folder(), listener(waiting)]);
  t.is(host.call.fd_prestat_get(0, OUT), E.SUCCESS);
  t.deepEqual([host.view.getUint8(OUT), host.view.getUint32(OUT + 4, true)], [0, 1]);
  t.is(host.call.fd_prestat_dir_name(0, DATA, 0), E.NAMETOOLONG);
  t.is(host.call.fd_prestat_dir_name(0, DATA, 2), E.SUCCESS);
  t.is(host.text(1), '/');
  t.is(host.call.fd_prestat_get(1, OUT), E.BADF);
  t.is(host.call.fd_prestat_get(2, OUT), E.BADF);
});

test('only a terminal lacks positions and is a character device, as isatty looks for', (t) => {
  const open = (file: string) => openSync(file, constants.O_RDWR | constants.O_NOCTTY);
  const host = new WasiHost(t, [stream(open('/dev/null')), stream(open('/dev/ptmx'))]);
  for (const [number, positioned, error] of [
    [0, RIGHTS_DEVICE & ~RIGHTS_STREAM, E.SUCCESS],
    [1, 0, E.SPIPE],
  ] as const) {
    t.is(host.call.fd_fdstat_get(number, OUT), E.SUCCESS);
    t.is(host.view.getUint8(OUT), FILETYPE_CHARACTER_DEVICE);
    t.is(host.view.getUint32(OUT + 8, true), RIGHTS_STREAM | positioned);
    t.is(host.call.fd_seek(number, 0n, 0, RESULT), error);
    t.is(host.call.fd_tell(number, RESULT), error);
  }
});

test('positions are for files: sockets and pipes have none', (t) => {
  const { host } = pair(t);
  const vectors = host.vectors([DATA, 1]);
  t.is(host.call.fd_seek(0, 0n, 0, RESULT), E.SPIPE);
  t.is(host.call.fd_tell(0, RESULT), E.SPIPE);
  t.is(host.call.fd_pread(0, ...vectors, 0n, RESULT), E.SPIPE);
  t.is(host.call.fd_pwrite(0, ...vectors, 0n, RESULT), E.SPIPE);
  t.is(host.call.fd_filestat_get(0, OUT), E.SUCCESS);
  t.is(host.view.getUint8(OUT + 16), FILETYPE_SOCKET_STREAM);
});

test('a pipe in blocking mode that is full does not hold up a guest that will not wait', (t) => {
  const [reading, writing] = native.pipe() as [number, number];
  owned(t, reading);
  native.setFlags(writing, native.getFlags(writing) & ~constants.O_NONBLOCK);
  const host = new WasiHost(t, [stream(writing)]);
  let written = 0;
  for (;;) {
    const error = host.send(0, 'x'.repeat(8192));
    if (error !== E.SUCCESS) {
      t.is(error, E.AGAIN);
      break;
    }
    written += host.result;
  }
  t.is(written, 65_536);
});

test('after a stop nothing is accepted: AGAIN while a connection is open, then the end', (t) => {
  const { host } = listening(t, 1);
  host.stop();
  t.throws(() => host.call.sock_accept(0, 0, RESULT), { instanceOf: Stop });
  const busy = listening(t, 2, FDFLAGS_NONBLOCK, 64, 3_600_000);
  t.is(busy.host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
  busy.host.stop();
  t.is(busy.host.call.sock_accept(0, 0, RESULT), E.AGAIN);
  t.is(busy.host.call.fd_close(1), E.SUCCESS);
  t.throws(() => busy.host.call.sock_accept(0, 0, RESULT), { instanceOf: Stop });
});

test('after a stop a guest that does not wait goes on with its connection', (t) => {
  const { host } = listening(t, 1);
  t.is(host.call.sock_accept(0, FDFLAGS_NONBLOCK, RESULT), E.SUCCESS);
  host.stop();
  for (let round = 0; round < 3; round += 1) t.is(host.receive(1), E.AGAIN);
  t.is(host.send(1, 'answer'), E.SUCCESS);
  t.is(host.call.fd_fdstat_set_flags(1, 0), E.SUCCESS);
  t.throws(
    () => host.receive(1),
    { instanceOf: Stop },
    'but not when it waits for longer than quietMs, here 0',
  );
});

test('what ended a guest ends each of its further calls', (t) => {
  const { host } = pair(t);
  const first = t.throws(() => host.call.proc_exit(3), { instanceOf: Exit });
  t.is(first!.status, 3);
  t.is(
    t.throws(() => host.send(0, 'x'), { instanceOf: Exit }),
    first,
  );
});

test('a stop does not cut off connections because a client waits to be accepted as well', (t) => {
  const { host } = listening(t, 2, 0, 64, 3_600_000);
  t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
  const accepted = host.result;
  host.stop();
  t.is(host.call.sock_accept(0, 0, RESULT), E.CONNABORTED);
  t.is(host.send(accepted, 'still here'), E.SUCCESS);
});

test('a stop ends a guest amid a blocking accept, where it serves nobody', (t) => {
  const waiting = native.listenTcp('127.0.0.1', 0, false, 64);
  const port = Number(String(native.localAddress(waiting)).replace(/.*:/, ''));
  owned(t, native.connectTcp('127.0.0.1', port));
  const poll: typeof native.poll = (fd, mask, wake, timeoutMs) => {
    if (timeoutMs > 0) host.stop();
    return native.poll(fd, mask, wake, timeoutMs);
  };
  const host: WasiHost = new WasiHost(t, [listener(waiting, 0)], {
    native: { ...native, poll },
    quietMs: 3_600_000,
  });
  arrived(waiting);
  t.is(host.call.sock_accept(0, 0, RESULT), E.SUCCESS);
  t.throws(() => host.call.sock_accept(0, 0, RESULT), { instanceOf: Stop });
});

test('a listener in blocking mode, from outside, does not hold up a guest that will not wait', (t) => {
  const { host } = listening(t, 0, FDFLAGS_NONBLOCK);
  const fd = host.descriptors.fd(0);
  native.setFlags(fd, native.getFlags(fd) & ~constants.O_NONBLOCK);
  t.is(host.call.sock_accept(0, 0, RESULT), E.AGAIN);
});

test('a pipe is BADF in the direction that it has not, and is not waited for', (t) => {
  const ends = native.pipe() as [number, number];
  const host = new WasiHost(t, [stream(ends[0], 0), stream(ends[1], 0)]);
  t.is(host.send(0, 'x'), E.BADF);
  t.is(host.receive(1), E.BADF);
});

test('a stop shuts down the run’s own listeners, and not one that others have, too', (t) => {
  const listeners = [0, 0].map(() => native.listenTcp('127.0.0.1', 0, false, 64));
  const ports = listeners.map((fd) => Number(String(native.localAddress(fd)).replace(/.*:/, '')));
  const [own, shared] = listeners.map((fd) => listener(fd));
  const host = new WasiHost(t, [own!, { ...shared!, shared: true }]);
  host.stop();
  t.throws(() => host.call.sock_accept(1, 0, RESULT), { instanceOf: Stop });
  const { SOL_SOCKET, SO_ERROR, ECONNREFUSED } = native.constants;
  const errors = ports.map((port) => {
    const client = owned(t, native.connectTcp('127.0.0.1', port));
    return native.getOption(client, SOL_SOCKET, SO_ERROR);
  });
  t.deepEqual(errors, [ECONNREFUSED, 0]);
});

test('a pipe from outside is opened once more, so that no other reader can make it block', (t) => {
  const ends = native.pipe() as [number, number];
  const modes = () => ends.map((fd) => native.getFlags(fd) & constants.O_NONBLOCK);
  for (const fd of ends) native.setFlags(owned(t, fd), native.getFlags(fd) & ~constants.O_NONBLOCK);
  const inheritance = new Inheritance(native);
  inheritance.stdio(0, ends[0]);
  inheritance.stdio(1, ends[1]);
  const host = new WasiHost(
    t,
    inheritance.inherited.map((entry, index) => ({ ...entry, fd: inheritance.fds[index]! })),
  );
  const own = inheritance.fds.map((fd) => native.getFlags(fd) & constants.O_NONBLOCK);
  t.deepEqual(own, [constants.O_NONBLOCK, constants.O_NONBLOCK]);
  t.deepEqual(modes(), [0, 0], 'its other users keep their mode');
  t.is(host.send(1, 'through'), E.SUCCESS);
  t.is(host.receive(0), 'through');
});
