// Requests to the store through the whole ABI, 64 at a time: on a kernel that does nothing, and over real sockets.
// The unit is one request.

import { native } from '../../host/kernel/native.ts';
import * as rows from '../../host/kernel/rows.ts';
import { compiledGuest } from '../../test/helpers/guests.ts';
import { Traffic } from '../ruler/null-io.ts';
import { NullKernel } from '../ruler/null-kernel.ts';
import { type Measured, Peers, processorNs, reactorOn, slowClock } from './ground.ts';

/** As many as redis-benchmark has on their way with -P 64, and as a connection may have. */
export const DEPTH = 64;
/** More would have more on their way than one round delivers, and a reactor without a kernel is never waited for. */
export const CONNECTIONS = 4;
/** Receives of each run, so that a run takes some milliseconds. */
const RECEIVES = 256;
const VALUE_BYTES = 64;
const OKAY_BYTES = 5;

const commands = (letter: string): Uint8Array => new TextEncoder().encode(letter.repeat(DEPTH));
const answerBytes = (letter: string): number =>
  letter.toLowerCase() === 'g' ? VALUE_BYTES : OKAY_BYTES;

/** @param letter a command of test/guests/keys.ts */
export async function keysWithoutKernel(letter: string): Promise<Measured> {
  const message = commands('p');
  const traffic = new Traffic(CONNECTIONS, message);
  traffic.overwritten = true;
  const kernel = new NullKernel(rows, traffic);
  const { reactor, shared } = await reactorOn(
    kernel,
    compiledGuest('keys'),
    CONNECTIONS,
    slowClock(),
  );
  for (let fd = 0; fd < CONNECTIONS; fd += 1) reactor.open(fd);
  kernel.trust();
  const round = (answer: number): number => {
    traffic.send(RECEIVES);
    const spent = processorNs(() => {
      while (reactor.turn() || traffic.left > 0);
    });
    const due = RECEIVES * DEPTH * answer;
    if (traffic.bytesSent === due) return spent;
    throw new Error(`the answers have ${traffic.bytesSent} bytes instead of ${due}`);
  };
  // Every key has a value.
  round(OKAY_BYTES);
  message.set(commands(letter));
  return {
    run: () => round(answerBytes(letter)) / (RECEIVES * DEPTH),
    close: () => shared.release(),
  };
}

export async function keysOverSockets(letter: string): Promise<Measured> {
  const message = commands(letter);
  const peers = new Peers();
  const { reactor, shared } = await reactorOn(native, compiledGuest('keys'), CONNECTIONS);
  for (let index = 0; index < CONNECTIONS; index += 1) reactor.open(peers.add());
  const round = (bytes: Uint8Array, answer: number): number => {
    for (let peer = 0; peer < CONNECTIONS; peer += 1) peers.say(peer, bytes);
    const spent = processorNs(() => {
      while (reactor.turn());
    });
    for (let peer = 0; peer < CONNECTIONS; peer += 1) peers.hear(peer, DEPTH * answer);
    return spent;
  };
  // Every key has a value.
  for (let set = 0; set < 1024; set += CONNECTIONS * DEPTH) round(commands('p'), OKAY_BYTES);
  return {
    run() {
      let spent = 0;
      const rounds = RECEIVES / CONNECTIONS;
      for (let index = 0; index < rounds; index += 1) spent += round(message, answerBytes(letter));
      return spent / (RECEIVES * DEPTH);
    },
    close() {
      peers.close();
      while (reactor.connections > 0) reactor.turn();
      reactor.close();
      shared.release();
    },
  };
}
