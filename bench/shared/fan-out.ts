// One message to 1,000 connections: by a topic, by a guest that keeps a list, by Node's net, and by the kernel's
// send alone. The unit is one member's message.

import { Socket } from 'node:net';
import { native } from '../../host/kernel/native.ts';
import * as rows from '../../host/kernel/rows.ts';
import { compiledGuest } from '../../test/helpers/guests.ts';
import { Traffic } from '../ruler/null-io.ts';
import { NullKernel } from '../ruler/null-kernel.ts';
import { type Measured, Peers, processorNs, reactorOn, slowClock } from './ground.ts';

const { KIND_SEND, ROW, ROW_BUFFER, ROW_FD, ROW_KIND, ROW_LENGTH, ROW_OFFSET } = rows;

export const MEMBERS = 1000;
const MESSAGE = new Uint8Array(64).fill(0x61);
/** In each run; what they take lies in the sockets until the peers read. */
const MESSAGES = 8;

/** A reactor with real sockets: what the first peer sends goes to all others. */
export async function byReactor(guest: string): Promise<Measured> {
  const peers = new Peers();
  const { reactor, shared } = await reactorOn(native, compiledGuest(guest), MEMBERS + 1);
  for (let index = 0; index <= MEMBERS; index += 1) reactor.open(peers.add());
  while (reactor.turn());
  return {
    run() {
      let spent = 0;
      for (let message = 0; message < MESSAGES; message += 1) {
        peers.say(0, MESSAGE);
        spent += processorNs(() => {
          while (reactor.turn());
        });
      }
      hearAll(peers, 1);
      return spent / (MEMBERS * MESSAGES);
    },
    close() {
      peers.close();
      while (reactor.connections > 0) reactor.turn();
      reactor.close();
      shared.release();
    },
  };
}

function hearAll(peers: Peers, first: number): void {
  for (let peer = first; peer < first + MEMBERS; peer += 1) {
    peers.hear(peer, MESSAGES * MESSAGE.length);
  }
}

/**
 * The kernel's send: rows that were written before.
 * @param each rows of one native call
 */
export function byKernel(each: number): Measured {
  const peers = new Peers();
  const words = new Int32Array(MEMBERS * ROW);
  const fds: number[] = [];
  for (let member = 0; member < MEMBERS; member += 1) {
    const at = member * ROW;
    fds.push(peers.add());
    words[at + ROW_KIND] = KIND_SEND;
    words[at + ROW_FD] = fds[member]!;
    words[at + ROW_BUFFER] = 0;
    words[at + ROW_OFFSET] = 0;
    words[at + ROW_LENGTH] = MESSAGE.length;
  }
  const io = native.io(words);
  io.bind(0, MESSAGE);
  return {
    run() {
      let spent = 0;
      for (let message = 0; message < MESSAGES; message += 1) {
        spent += processorNs(() => {
          for (let done = 0; done < MEMBERS; ) done = io.run(done, done + each);
        });
      }
      hearAll(peers, 0);
      return spent / (MEMBERS * MESSAGES);
    },
    close() {
      for (const fd of fds) native.close(fd);
      peers.close();
    },
  };
}

/** `socket.write` to each, as a program on Node's net does. */
export function byNet(): Measured {
  const peers = new Peers();
  const sockets = Array.from({ length: MEMBERS }, () => new Socket({ fd: peers.add() }));
  return {
    async run() {
      const before = process.cpuUsage();
      for (let message = 0; message < MESSAGES; message += 1) {
        for (const socket of sockets) socket.write(MESSAGE);
        // Its own work after a write comes then.
        await new Promise(setImmediate);
      }
      const { user, system } = process.cpuUsage(before);
      hearAll(peers, 0);
      return ((user + system) * 1000) / (MEMBERS * MESSAGES);
    },
    close() {
      for (const socket of sockets) socket.destroy();
      peers.close();
    },
  };
}

/** A reactor on a kernel that does nothing: the host's and the guest's own time. */
export async function withoutKernel(guest: string): Promise<Measured> {
  const traffic = new Traffic(MEMBERS + 1, MESSAGE);
  traffic.overwritten = true;
  const kernel = new NullKernel(rows, traffic);
  const { reactor, shared } = await reactorOn(
    kernel,
    compiledGuest(guest),
    MEMBERS + 1,
    slowClock(),
  );
  for (let fd = 0; fd <= MEMBERS; fd += 1) reactor.open(fd);
  while (reactor.turn());
  kernel.trust();
  return {
    run() {
      traffic.send(MESSAGES);
      const spent = processorNs(() => {
        while (reactor.turn() || traffic.left > 0);
      });
      if (traffic.sends !== MEMBERS * MESSAGES) throw new Error(`${traffic.sends} sends`);
      return spent / (MEMBERS * MESSAGES);
    },
    close: () => shared.release(),
  };
}
