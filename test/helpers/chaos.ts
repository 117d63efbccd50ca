// Chaos: connections whose bytes a guest takes for host calls and traps, in one instance with others
// that are checked byte for byte. Simulated network, one seed, any number of rounds.

import { harness, type Peer } from '../../host/testing/harness.ts';
import { difference, pattern, random } from './bytes.ts';
import { compiledGuest } from './guests.ts';

export interface ChaosReport {
  readonly rounds: number;
  readonly traps: number;
  /** Bytes of well-behaved connections that were compared. */
  readonly bytes: number;
  readonly wild: number;
  readonly faults: string[];
}

const TAME = 200;
const WILD = 24;

interface Tame {
  readonly peer: Peer;
  sum: number;
  turn: number;
}

/** @param more is asked before each round */
export async function chaos(seed: number, more: (round: number) => boolean): Promise<ChaosReport> {
  const server = await harness(compiledGuest('chaos'), {
    policy: {
      maxConnections: 512,
      hostCallsPerCallback: 5000,
      maxBacklogBytes: 1 << 20,
      poolBytes: 16 << 20,
      guestMemoryBytes: 4 << 20,
      tickMs: 20,
    },
    config: 'chaos',
  });
  const next = random(seed);
  const faults: string[] = [];
  const fault = (what: string): void => {
    if (faults.length < 10) faults.push(what);
  };
  let [rounds, bytes, wild] = [0, 0, 0];
  const tame = Array.from({ length: TAME }, (): Tame => {
    const peer = server.connect();
    return { peer, sum: 0, turn: 0 };
  });
  const enemies: (Peer | undefined)[] = [];

  function exchange(one: Tame, index: number): void {
    const sent = pattern(2 + Math.floor(next() ** 4 * 20_000), index * 4096 + (one.turn & 4095));
    if (one.turn === 0) sent[0] = 0;
    one.turn += 1;
    one.peer.send(sent);
    const wrong = difference(one.peer.received(), sent);
    if (wrong !== '') fault(`round ${rounds}, connection ${index}: ${wrong}`);
    for (const byte of sent) one.sum = (Math.imul(one.sum, 31) + byte) | 0;
    bytes += sent.length;
    // What its state has added up, through however many instances.
    if (next() < 0.1) {
      one.peer.send(Uint8Array.of(1));
      one.sum = (Math.imul(one.sum, 31) + 1) | 0;
      const answer = one.peer.received();
      const told = answer.length === 4 ? new DataView(answer.slice().buffer).getInt32(0, true) : 0;
      if (told !== one.sum) fault(`round ${rounds}, connection ${index}: state of another time`);
    }
  }

  for (const [index, one] of tame.entries()) exchange(one, index);
  for (; more(rounds) && faults.length === 0; rounds += 1) {
    const at = Math.floor(next() * WILD);
    let enemy = enemies[at];
    if (enemy === undefined || enemy.closeReason !== undefined || enemy.state !== 'open') {
      enemy = server.connect(next() < 0.5 ? { bufferBytes: 2000 } : {});
      enemies[at] = enemy;
      wild += 1;
    }
    const program = pattern(8 * (1 + Math.floor(next() * 12)), Math.floor(next() * 2 ** 31));
    // Of 48 operations eleven end the connection or nearly so: most of the time they come late.
    for (let op = 0; op < program.length - 8; op += 8) {
      if (next() < 0.8) program[op] = 11 + Math.floor(next() * 37);
    }
    if (program[0] === 0) program[0] = 32;
    enemy.send(program);
    if (next() < 0.3) enemy.received();
    const fate = next();
    if (fate < 0.03) enemy.end();
    else if (fate < 0.06) enemy.reset();
    if (next() < 0.2) server.advance(Math.floor(next() * 100));
    for (let count = 0; count < 4; count += 1) {
      const index = Math.floor(next() * TAME);
      exchange(tame[index]!, index);
    }
  }
  for (const [index, one] of tame.entries()) {
    exchange(one, index);
    if (one.peer.closeReason !== undefined) fault(`connection ${index} was closed`);
  }
  server.abort();
  const { connections, backlogBytes, poolBytes, shared } = server.stats();
  const { members, pending, queueBytes } = shared;
  if (connections.open + backlogBytes + poolBytes + members + pending + queueBytes !== 0) {
    fault(`left: ${JSON.stringify({ connections, backlogBytes, poolBytes, shared })}`);
  }
  return { rounds, traps: server.traps.length, bytes, wild, faults };
}
