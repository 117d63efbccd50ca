// One case of the ruler: a reactor of some build on the kernel that does nothing, and what a message
// costs there. It does not know which builds are compared.

import { compiledGuest, echoModule } from '../../test/helpers/guests.ts';
import type { Build } from './builds.ts';
import { Traffic } from './null-io.ts';
import { NullKernel } from './null-kernel.ts';
import { strict } from './strict.ts';

export interface HostCase {
  readonly name: string;
  readonly title: string;
  readonly guest: () => Uint8Array;
  /** What one receive brings. */
  readonly message: Uint8Array;
  /** Messages of the protocol in it, each of them one callback. */
  readonly callbacks: number;
}

const block = new Uint8Array(64).fill(0x61);
const LINES = 512;
const LINE = `${'a'.repeat(15)}\n`;

export const hostCases: readonly HostCase[] = [
  { name: 'echo', title: '64 B echo', guest: echoModule, message: block, callbacks: 1 },
  {
    name: 'state',
    title: '64 B, state of 64 B',
    guest: () => compiledGuest('ledger'),
    message: block,
    callbacks: 1,
  },
  {
    name: 'lines',
    title: `line of ${LINE.length} B, ${LINES} a receive`,
    guest: () => compiledGuest('line-a-call'),
    message: new TextEncoder().encode(LINE.repeat(LINES)),
    callbacks: LINES,
  },
];

const CONNECTIONS = 64;
// By so much time goes on at each look: too little for any turn to be ended by its budget.
const STEP_MS = 2 ** -20;
// Each connection's, so that the kernel has compared all ways of a message before it trusts.
const CHECKED_RECEIVES = 4 * CONNECTIONS;
// The optimising compiler has made its last change after 250,000.
const WARM_UP_MESSAGES = 350_000;

export class HostCost {
  readonly #case: HostCase;
  readonly #traffic: Traffic;
  readonly #reactor: InstanceType<Build['Reactor']>;

  /** Opens the connections, and has their first messages checked byte by byte. */
  static async create(build: Build, hostCase: HostCase): Promise<HostCost> {
    const traffic = new Traffic(CONNECTIONS, hostCase.message);
    const kernel = new NullKernel(build.numbers, traffic);
    const policy = build.resolvePolicy({ maxConnections: CONNECTIONS, poolBytes: 16 << 20 });
    const module = await build.loadModule(hostCase.guest(), policy, hostCase.name);
    // A clock that stands would be a constant to V8.
    const clock = new Float64Array([1]);
    const now = (): number => {
      clock[0]! += STEP_MS;
      return clock[0]!;
    };
    const buffer = SharedArrayBuffer;
    const reactor = new build.Reactor({ kernel, module, policy, observer: strict, now, buffer });
    for (let fd = 0; fd < CONNECTIONS; fd += 1) reactor.open(fd);
    const cost = new HostCost(hostCase, traffic, reactor);
    cost.#receive(CHECKED_RECEIVES);
    kernel.trust();
    return cost;
  }

  /** Use `HostCost.create()`. */
  constructor(hostCase: HostCase, traffic: Traffic, reactor: InstanceType<Build['Reactor']>) {
    this.#case = hostCase;
    this.#traffic = traffic;
    this.#reactor = reactor;
  }

  warmUp(): void {
    this.run(WARM_UP_MESSAGES);
  }

  /**
   * Serves at least so many messages.
   * @returns nanoseconds of the processor for each: what others took meanwhile is not in it
   * @throws Error when a message was lost, or sent in pieces
   */
  run(messages: number): number {
    const receives = Math.ceil(messages / this.#case.callbacks);
    const before = process.cpuUsage();
    this.#receive(receives);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / (receives * this.#case.callbacks);
  }

  #receive(receives: number): void {
    const traffic = this.#traffic;
    const { callbacks, message } = this.#case;
    const before = this.#reactor.snapshot().messages;
    traffic.send(receives);
    for (let left = receives; traffic.left > 0; left = traffic.left) {
      this.#reactor.turn();
      if (traffic.left === left) throw new Error(`${left} messages were not received`);
    }
    const found = {
      receives: traffic.receives,
      callbacks: this.#reactor.snapshot().messages - before,
      sends: traffic.sends,
      bytes: traffic.bytesSent,
    };
    const due = {
      receives,
      callbacks: receives * callbacks,
      sends: receives * callbacks,
      bytes: receives * message.length,
    };
    const [what, expected] = [JSON.stringify(found), JSON.stringify(due)];
    if (what !== expected) throw new Error(`not all came back: ${what} instead of ${expected}`);
  }
}
