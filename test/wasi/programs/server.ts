// Echo for many clients in AssemblyScript, with the bindings of @assemblyscript/wasi-shim and one
// poll_oneoff(…) for all of them. The listener is descriptor 3.
//
// A client's input is read when nothing of it is unsent, so a slow reader costs one buffer.

import * as wasi from '@assemblyscript/wasi-shim/assembly/bindings/wasi_snapshot_preview1';
import { sock_accept } from './wasi_snapshot_preview1';

const LISTENER: wasi.fd = 3;
const CLIENTS: i32 = 1000;
const BUFFER_BYTES: usize = 16384;

/** What was received and is not sent yet stands at `start`, `length` bytes of the buffer. */
class Client {
  buffer: usize = heap.alloc(BUFFER_BYTES);
  start: usize = 0;
  length: usize = 0;
  lost: bool = false;
}

// The client at an index waits by the subscription after it; the first one is the listener's.
const clients = new StaticArray<Client>(CLIENTS);
const subscriptions = heap.alloc((CLIENTS + 1) * offsetof<wasi.subscription>());
const events = heap.alloc((CLIENTS + 1) * offsetof<wasi.event>());
const piece = changetype<wasi.iovec>(heap.alloc(offsetof<wasi.iovec>()));
const result = heap.alloc(sizeof<u64>());
const flags = heap.alloc(sizeof<u64>());
let count: i32 = 0;

function subscriptionAt(index: i32): wasi.subscription_fd_readwrite {
  return changetype<wasi.subscription_fd_readwrite>(
    subscriptions + index * offsetof<wasi.subscription>(),
  );
}

function wait(index: i32, descriptor: wasi.fd, type: wasi.eventtype): void {
  const at = subscriptionAt(index);
  at.userdata = index;
  at.type = type;
  at.file_descriptor = descriptor;
}

function check(error: wasi.errno, what: string): void {
  if (error !== wasi.errno.SUCCESS) throw new Error(`${what} failed with error ${error}`);
}

function acceptAll(): void {
  while (count < CLIENTS) {
    const error = sock_accept(LISTENER, wasi.fdflags.NONBLOCK, result);
    if (error === wasi.errno.AGAIN) return;
    if (error === wasi.errno.CONNABORTED) continue;
    check(error, 'sock_accept');
    const client = clients[count];
    client.length = 0;
    client.lost = false;
    count += 1;
    wait(count, load<wasi.fd>(result), wasi.eventtype.FD_READ);
  }
}

function serve(client: Client, at: wasi.subscription_fd_readwrite): void {
  if (client.length === 0) {
    piece.buf = client.buffer;
    piece.buf_len = BUFFER_BYTES;
    const error = wasi.sock_recv(at.file_descriptor, changetype<usize>(piece), 1, 0, result, flags);
    if (error === wasi.errno.AGAIN) return;
    client.start = 0;
    client.length = error === wasi.errno.SUCCESS ? load<usize>(result) : 0;
    client.lost = client.length === 0;
    if (client.lost) return;
  }
  piece.buf = client.buffer + client.start;
  piece.buf_len = client.length;
  const error = wasi.sock_send(at.file_descriptor, changetype<usize>(piece), 1, 0, result);
  if (error === wasi.errno.SUCCESS) {
    client.start += load<usize>(result);
    client.length -= load<usize>(result);
  } else if (error !== wasi.errno.AGAIN) {
    client.lost = true;
  }
  at.type = client.length === 0 ? wasi.eventtype.FD_READ : wasi.eventtype.FD_WRITE;
}

// Backwards: the last one takes the place of one that goes, and has been looked at.
function dropLost(): void {
  for (let index = count - 1; index >= 0; index -= 1) {
    const client = clients[index];
    if (!client.lost) continue;
    wasi.fd_close(subscriptionAt(index + 1).file_descriptor);
    count -= 1;
    clients[index] = clients[count];
    clients[count] = client;
    const last = subscriptionAt(count + 1);
    wait(index + 1, last.file_descriptor, last.type);
  }
}

for (let index = 0; index < CLIENTS; index += 1) clients[index] = new Client();
check(wasi.fd_fdstat_set_flags(LISTENER, wasi.fdflags.NONBLOCK), 'fd_fdstat_set_flags');
wait(0, LISTENER, wasi.eventtype.FD_READ);

while (true) {
  // Not the listener while there is no room: those who come wait in its queue.
  const from = count < CLIENTS ? 0 : 1;
  const first = changetype<usize>(subscriptionAt(from));
  check(wasi.poll_oneoff(first, events, count + 1 - from, result), 'poll_oneoff');
  const ready = load<i32>(result);
  let knock = false;
  for (let index = 0; index < ready; index += 1) {
    const found = changetype<wasi.event>(events + index * offsetof<wasi.event>());
    const about = <i32>found.userdata;
    if (about === 0) knock = true;
    else serve(clients[about - 1], subscriptionAt(about));
  }
  dropLost();
  if (knock) acceptAll();
}
