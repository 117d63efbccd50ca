// Echo on the addon alone, as short as it can be in JavaScript: what Node-API and V8 cost before there is
// a host. One receive and one send a message, in one native call, as wasmpoll has it; no guest, no limits,
// no timeouts. It is a contender of the bench.

import { native } from '../../host/kernel/native.ts';
import * as Rows from '../../host/kernel/rows.ts';
import { Listener } from '../../host/listen/listener.ts';
import { resolvePolicy } from '../../host/policy.ts';

const { EPOLLIN, EPOLLOUT, EAGAIN } = native.constants;
// Its own, for V8's sake; see docs/decisions.md.
const { KIND_RECV, KIND_SEND, ROW, ROW_FD, ROW_KIND, ROW_LENGTH, ROW_RESULT } = Rows;
const EVENTS = 256;

const policy = resolvePolicy({});
const listener = new Listener(native, { kind: 'tcp', host: '127.0.0.1', port: 0 }, policy);
const epoll = native.epoll();
const events = new Uint32Array(EVENTS * 3);
// The answer to the message before, if there is one, and the receive.
const rows = new Int32Array(2 * ROW);
const io = native.io(rows);
const window = new Uint8Array(policy.receiveWindowBytes);
io.bind(0, window);
/** What a reader was too slow for; nothing is read from it meanwhile. */
const rests = new Map<number, Uint8Array>();
let pending = 0;

function row(at: number, kind: number, fd: number, length: number): void {
  rows[at + ROW_KIND] = kind;
  rows[at + ROW_FD] = fd;
  rows[at + ROW_LENGTH] = length;
}

/** Performs the answer, which is row 0 if there is one, and what is behind it. */
function run(count: number): void {
  if (io.run(0, count) < pending) {
    const sent = rows[ROW_RESULT]!;
    const fd = rows[ROW_FD]!;
    if (sent < 0 && sent !== -EAGAIN) drop(fd);
    else {
      rests.set(fd, window.slice(Math.max(0, sent), rows[ROW_LENGTH]!));
      epoll.modify(fd, EPOLLOUT, fd, 0);
    }
    io.run(pending, count);
  }
  pending = 0;
}

function drop(fd: number): void {
  epoll.remove(fd);
  native.close(fd);
  rests.delete(fd);
}

function receive(fd: number): void {
  const at = pending * ROW;
  row(at, KIND_RECV, fd, window.length);
  run(pending + 1);
  const received = rows[at + ROW_RESULT]!;
  if (received <= 0) {
    if (received !== -EAGAIN) drop(fd);
    return;
  }
  row(0, KIND_SEND, fd, received);
  pending = 1;
}

function flush(fd: number, rest: Uint8Array): void {
  const sent = native.send(fd, rest, 0, rest.length);
  if (sent < 0 && sent !== -EAGAIN) drop(fd);
  else if (sent < rest.length) rests.set(fd, rest.subarray(Math.max(0, sent)));
  else {
    rests.delete(fd);
    epoll.modify(fd, EPOLLIN, fd, 0);
  }
}

function accept(): void {
  const fd = native.accept(listener.fd);
  if (fd >= 0) epoll.add(fd, EPOLLIN, fd, 0);
}

epoll.add(listener.fd, EPOLLIN, listener.fd, 0);
console.log(`listening on ${listener.address}`);
for (;;) {
  const count = epoll.wait(events, -1);
  for (let event = 0; event < count; event += 1) {
    const fd = events[event * 3]!;
    const rest = rests.size > 0 ? rests.get(fd) : undefined;
    if (fd === listener.fd) accept();
    else if (rest !== undefined) flush(fd, rest);
    else receive(fd);
  }
  if (pending > 0) run(1);
}
