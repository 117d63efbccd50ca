// How much of a round the steps of handshakes take: as much as all others have had of the processor, or one step.

import test from 'ava';
import * as numbers from '../../host/memory/layout.ts';
import { resolvePolicy } from '../../host/policy.ts';
import type { Deadlines } from '../../host/reactor/deadlines.ts';
import type { Parts } from '../../host/reactor/parts.ts';
import { Handshakes } from '../../host/reactor/tls/handshakes.ts';

const { COLUMNS, FLAGS, HANDSHAKING, OPEN, TIMES } = numbers;
const WAITING = 100;

/** Handshakes of which each has something for a step, and the time that this thread has. */
class Round {
  readonly #handshakes: Handshakes;
  #wallMs = 0;
  #processorMs = 1000;
  #beganAt = 0;

  constructor(handshakesPerTurn: number) {
    const wall = (): number => this.#wallMs - this.#beganAt;
    const processor = (): number => this.#processorMs;
    const table = new Int32Array(WAITING * COLUMNS);
    for (let slot = 0; slot < WAITING; slot += 1) {
      table[slot * COLUMNS + FLAGS] = OPEN | HANDSHAKING;
    }
    const parts = {
      connections: { table, segment: { times: new Float64Array(WAITING * TIMES) } },
      clock: {
        now: 0,
        get passed() {
          return wall();
        },
      },
      tls: { seat: { processorMs: processor }, modes: new Int32Array(1) },
      outbound: { directory: null },
      policy: { ...resolvePolicy({}), handshakesPerTurn },
    };
    this.#handshakes = new Handshakes(parts as unknown as Parts, {} as Deadlines);
  }

  /** Others take so long, and stand still for so long besides. @returns how many steps of 1 ms follow */
  steps(othersMs: number, stillMs = 0): number {
    this.#beganAt = this.#wallMs;
    this.#pass(othersMs, stillMs);
    for (let slot = 0; slot < WAITING; slot += 1) this.#handshakes.postpone(slot);
    return this.#handshakes.shake({
      receive: () => {
        this.#pass(1, 0);
        return true;
      },
    });
  }

  /** A round without handshakes. */
  others(ms: number): void {
    this.#pass(ms, 0);
  }

  #pass(ms: number, stillMs: number): void {
    this.#wallMs += ms + stillMs;
    this.#processorMs += ms;
  }
}

test('steps take as long as others have taken, and one is performed in any case', (t) => {
  const round = new Round(1000);
  t.deepEqual(
    [0, 0.5, 1, 1.9, 2, 3.5, 8].map((ms) => round.steps(ms)),
    [1, 1, 1, 1, 2, 3, 8],
  );
});

test('a round that stood still leaves steps no more time than others had', (t) => {
  const round = new Round(1000);
  t.is(round.steps(3), 3);
  t.deepEqual([round.steps(0.1, 50), round.steps(2, 50)], [1, 2]);
});

test('what others have had before the round is not made up for', (t) => {
  const round = new Round(1000);
  round.steps(1);
  for (let times = 0; times < 50; times += 1) round.others(5);
  t.is(round.steps(1), 1);
});

test('there are no more steps in a round than the policy allows', (t) => {
  const round = new Round(4);
  t.is(round.steps(50), 4);
});
