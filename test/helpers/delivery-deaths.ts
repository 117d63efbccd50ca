// Members of a room on a simulated kernel, whose thread ends at any step of a delivery; the topics and keys
// are the twin's, and outlive it. Same script, same messages, whatever step is chosen.

import type { Epoll, Io, Kernel } from '../../host/kernel/contract.ts';
import type { Loopback } from '../../host/kernel/loopback/loopback.ts';
import type { Socket } from '../../host/kernel/loopback/loopback-socket.ts';
import { ListenerTable } from '../../host/listen/peer/listener-table.ts';
import type { ControlWords } from '../../host/memory/control-words.ts';
import type * as Columns from '../../host/memory/layout.ts';
import type { StateBlocks } from '../../host/memory/state-blocks.ts';
import type { GuestModule } from '../../host/module/protocol-module.ts';
import type { Policy } from '../../host/policy.ts';
import type { Reactor } from '../../host/reactor/reactor.ts';
import type { Remains } from '../../host/reactor/recovery.ts';
import type { SharedSeat } from '../../host/shared/contract.ts';
import { countsOf } from '../../host/shared/counts.ts';
import { Member } from '../../host/shared/member/member.ts';
import { OWN_SEAT } from '../../host/shared/seats.ts';
import { Twin } from '../../host/shared/twin.ts';
import { steppedHost } from './statement-steps.ts';

const SEAT = OWN_SEAT + 1;
const REASON = 13;

class Death extends Error {}

export interface SharingHost {
  Reactor: typeof Reactor;
  ControlWords: typeof ControlWords;
  Loopback: typeof Loopback;
  columns: typeof Columns;
  module: GuestModule;
  policy: Policy;
}

/** Loads the host with steps, and the guest in it, which is given so many messages in a round. */
export async function sharingHost(
  name: string,
  guest: Uint8Array,
  messagesPerTurn = 3,
): Promise<SharingHost> {
  const load = steppedHost(name);
  const [reactor, control, loopback, columns, modules, policies] = (await Promise.all(
    [
      ...['reactor/reactor', 'memory/control-words', 'kernel/loopback/loopback', 'memory/layout'],
      ...['module/protocol-module', 'policy'],
    ].map((file) => load(`host/${file}`)),
  )) as [
    { Reactor: typeof Reactor },
    { ControlWords: typeof ControlWords },
    { Loopback: typeof Loopback },
    typeof Columns,
    typeof import('../../host/module/protocol-module.ts'),
    typeof import('../../host/policy.ts'),
  ];
  const policy = policies.resolvePolicy({
    maxConnections: 16,
    poolBytes: 1 << 20,
    maxBacklogBytes: 256 << 10,
    highWaterBytes: 64 << 10,
    lowWaterBytes: 16 << 10,
    receiveWindowBytes: 16 << 10,
    maxStagedBytes: 64 << 10,
    maxStagedSends: 64,
    messagesPerTurn,
    logLinesPerSecond: 1_000_000,
  });
  const module = await modules.loadModule(guest, policy);
  return { ...reactor, ...control, ...loopback, columns, module, policy };
}

export interface RoomOutcome {
  /** Steps of the first thread; with no death, all there are. */
  readonly steps: number;
  readonly deaths: number;
  readonly lost: number;
  readonly faults: string[];
}

interface Guest {
  readonly name: string;
  readonly socket: Socket;
  readonly fd: number;
  received: string;
}

class Room {
  readonly faults: string[] = [];
  readonly member: Member;
  steps = 0;
  died = 0;
  /** Deaths in a callback: a message may have been poisoned. */
  inside = 0;
  readonly #host: SharingHost;
  readonly #kernel: Loopback;
  readonly #epoll: Epoll;
  readonly #twin: Twin;
  readonly #deaths: number[];
  readonly #guests = new Map<string, Guest>();
  #left = 0;
  #dead = false;
  #running = false;
  #control: ControlWords;
  #segment!: ArrayBufferLike;
  #states!: StateBlocks;
  #reactor: Reactor;
  #frozen: Pick<Remains, 'segment' | 'states'> & { control: SharedArrayBuffer } = null!;
  #lost = { slot: -1, reason: REASON };

  constructor(host: SharingHost, deaths: readonly number[]) {
    this.#host = host;
    this.#deaths = [...deaths];
    this.#kernel = new host.Loopback();
    this.#epoll = this.#kernel.epoll();
    this.#twin = new Twin(host.policy, () => undefined);
    this.#twin.open(OWN_SEAT, -1);
    this.#twin.open(SEAT, -1);
    const observer = { missed: () => undefined, failed: () => undefined, wake: () => undefined };
    this.member = new Member(this.#twin, host.policy, observer, () => 1);
    this.#control = new host.ControlWords(new SharedArrayBuffer(host.ControlWords.bytes));
    globalThis.wasmpollStep = undefined;
    this.#reactor = this.#start(null);
  }

  /** From here on steps count. */
  arm(): void {
    this.#left = this.#deaths.shift() ?? Infinity;
    this.steps = 0;
    this.#dead = false;
    globalThis.wasmpollStep = () => this.#step();
  }

  #step(): void {
    if (!this.#running) return;
    if (this.#dead) throw new Death();
    this.steps += 1;
    if (this.steps < this.#left) return;
    this.#dead = true;
    this.#frozen = {
      segment: this.#segment.slice(0),
      control: this.#control.buffer.slice(0) as SharedArrayBuffer,
      states: { ...this.#states, buffer: this.#states.buffer.slice(0) },
    };
    throw new Death();
  }

  // A thread ends before or after such a call, never in it; what is dead calls nobody.
  #whole<Method extends (...args: never[]) => unknown>(method: Method): Method {
    return ((...args: never[]) => {
      if (this.#dead) throw new Death();
      globalThis.wasmpollStep?.();
      const answer = method(...args);
      globalThis.wasmpollStep?.();
      return answer;
    }) as Method;
  }

  #seat(): SharedSeat {
    const seat = this.#twin.seat(SEAT);
    return {
      bind: this.#whole(seat.bind.bind(seat)),
      check: this.#whole(seat.check.bind(seat)),
      commit: this.#whole(seat.commit.bind(seat)),
      take: this.#whole(seat.take.bind(seat)),
      again: this.#whole(seat.again.bind(seat)),
      poison: this.#whole(seat.poison.bind(seat)),
      leaveAll: this.#whole(seat.leaveAll.bind(seat)),
      adopt: this.#whole(seat.adopt.bind(seat)),
    };
  }

  #wrapped(): Kernel {
    const kernel = this.#kernel;
    const io = (rows: Int32Array): Io => {
      const real = kernel.io(rows);
      return { bind: real.bind.bind(real), run: this.#whole(real.run.bind(real)) };
    };
    return {
      constants: kernel.constants,
      epoll: () => kernel.epoll(),
      io,
      shutdown: this.#whole(kernel.shutdown.bind(kernel)),
      close: this.#whole(kernel.close.bind(kernel)),
      reset: this.#whole(kernel.reset.bind(kernel)),
      peerAddress: (fd) => kernel.peerAddress(fd),
      localAddress: (fd) => kernel.localAddress(fd),
      errorName: (errno) => kernel.errorName(errno),
    };
  }

  #start(remains: Remains | null): Reactor {
    const place = this;
    class Noted extends SharedArrayBuffer {
      constructor(bytes: number) {
        super(bytes);
        if (bytes > 1 << 20) place.#segment = this;
      }
    }
    if (remains !== null) [this.#segment, this.#states] = [remains.segment, remains.states];
    const epoll = this.#epoll;
    const reactor = new this.#host.Reactor({
      kernel: this.#wrapped(),
      module: this.#host.module,
      policy: this.#host.policy,
      observer: {
        ...{ open: null, data: null, close: null },
        restart: ({ why }) =>
          this.#dead || /unreachable/.test(why) || this.faults.push(`restart: ${why}`),
        failure: (error) => this.#dead || this.faults.push(`failure: ${String(error)}`),
        fault: () => true,
        log: () => true,
      },
      now: () => 1,
      buffer: Noted,
      listeners: ListenerTable.make(SharedArrayBuffer).buffer,
      control: this.#control,
      epoll: {
        fd: 0,
        add: this.#whole(epoll.add.bind(epoll)),
        modify: this.#whole(epoll.modify.bind(epoll)),
        remove: this.#whole(epoll.remove.bind(epoll)),
        wait: this.#whole(epoll.wait.bind(epoll)),
        close: () => undefined,
      },
      seat: this.#seat(),
      ...(remains === null ? {} : { remains }),
    });
    this.#states = reactor.states;
    return reactor;
  }

  #run(what: () => void): void {
    this.#running = true;
    try {
      what();
    } catch (thrown) {
      if (!this.#dead) throw thrown;
    }
    this.#running = false;
    while (this.#dead) this.#replace();
  }

  // What the supervisor does.
  #replace(): void {
    this.died += 1;
    const { segment, states, control } = this.#frozen;
    this.#control = new this.#host.ControlWords(control);
    const inside = this.#control.inside && this.#control.slot >= 0;
    if (inside) this.inside += 1;
    if (inside) this.#lost = { slot: this.#control.slot, reason: REASON };
    else if (this.#control.hasRecovered) this.#lost = { slot: -1, reason: REASON };
    this.#control.reset();
    this.arm();
    this.#running = true;
    try {
      this.#reactor = this.#start({ segment, states, before: null, ...this.#lost });
    } catch (thrown) {
      if (!this.#dead) throw thrown;
    }
    this.#running = false;
  }

  connect(name: string, script: string, bufferBytes = 1 << 20): void {
    const { fd, client } = this.#kernel.connect(bufferBytes, 'unix:');
    this.#guests.set(name, { name, socket: client, fd, received: '' });
    this.#run(() => this.#reactor.open(fd));
    this.say(name, script);
    this.settle();
  }

  say(name: string, script: string): void {
    this.#guests.get(name)!.socket.send(new TextEncoder().encode(script));
  }

  /** As a seat's eventfd does it. */
  wake(): void {
    this.#reactor.wake();
    this.settle();
  }

  settle(): void {
    const events = new Uint32Array(3);
    for (let more = true, rounds = 0; more; rounds += 1) {
      if (rounds > 10_000) throw new Error('it does not come to rest');
      this.#run(() => {
        more = this.#reactor.turn();
      });
      // A successor looks at its queues whether it was woken or not.
      more = more || this.#reactor.ready || this.#epoll.wait(events, 0) > 0;
    }
    for (const guest of this.#guests.values()) {
      guest.received += new TextDecoder().decode(guest.socket.drain());
    }
  }

  lost(name: string): boolean {
    const { socket, fd } = this.#guests.get(name)!;
    return socket.reset || socket.resetTold || !this.#placed(fd);
  }

  // A thread that ends between forgetting a descriptor and closing it leaves it open, and nobody has it.
  #placed(fd: number): boolean {
    const { COLUMNS, FD, FLAGS, OPEN } = this.#host.columns;
    const rows = this.#host.policy.maxConnections;
    const table = new Int32Array(this.#segment, 0, rows * COLUMNS);
    for (let base = 0; base < table.length; base += COLUMNS) {
      if ((table[base + FLAGS]! & OPEN) !== 0 && table[base + FD] === fd) return true;
    }
    return false;
  }

  received(name: string): string {
    return this.#guests.get(name)!.received;
  }

  /** Everybody goes, and nothing is kept. */
  end(): void {
    globalThis.wasmpollStep = undefined;
    for (const { socket } of this.#guests.values()) socket.abort();
    this.settle();
    this.wake();
    const { members, pending, queueBytes } = countsOf(this.#twin);
    const left = [this.#reactor.connections, members, pending, queueBytes].join(' ');
    if (left !== '0 0 0 0') this.faults.push(`left at the end: ${left}`);
  }
}

const MEMBERS = ['m1', 'm2', 'm3', 'm4', 'm5'];
// A message, what was missed, a reply: each goes to the peer.
const SCRIPT = 'e 0 {E;};e 2 {s !;};e 1 {E;};j . 0 0 room;';

/** What a member may have got: each token once, in order, or `!` in place of those that a poisoned message cost. */
function wrong(got: string, wanted: string, poisoned: boolean): boolean {
  return (!poisoned && got.includes('!')) || silentGap([...got], [...wanted]);
}

/** Whether something is not there that was wanted, or not in order, and no `!` stands in its place. */
function silentGap(got: readonly string[], wanted: readonly string[]): boolean {
  let at = 0;
  let told = false;
  for (const token of got) {
    const next = token === '!' ? at : wanted.indexOf(token, at);
    if (next < 0 || (next > at && !told)) return true;
    told = token === '!';
    if (token !== '!') at = next + 1;
  }
  return at < wanted.length && !told;
}

/** Replies that come together. */
const TOGETHER = 3;

/** The evening. */
export function evening(host: SharingHost, deaths: readonly number[]): RoomOutcome {
  const room = new Room(host, deaths);
  for (const name of MEMBERS) room.connect(name, SCRIPT);
  room.connect('speaker', 'e 1 {};');
  room.arm();
  room.member.publish('room', 'a');
  room.wake();
  room.say('speaker', 'p 0 room b;p 0 room c;');
  room.say('m1', 'a . 1 0 1 count;');
  room.say('m2', 'a . 1 0 1 count;'.repeat(TOGETHER));
  room.settle();
  room.member.publish('room', 'd');
  room.wake();
  const { steps } = room;
  globalThis.wasmpollStep = undefined;
  const { faults, inside } = room;
  const names = [...MEMBERS, 'speaker'];
  const lost = names.filter((name) => room.lost(name));
  if (lost.length > 2 * deaths.length) faults.push(`lost: ${lost.join(', ')}`);
  const spoken = MEMBERS.some((name) => /[bc]/.test(room.received(name)));
  if (!spoken && inside === 0 && !room.lost('speaker')) faults.push('nobody has heard the speaker');
  for (const name of MEMBERS.filter((name) => !room.lost(name))) {
    const got = room.received(name);
    const messages = got.replaceAll(/\d/g, '');
    if (wrong(messages, spoken ? 'abcd' : 'ad', inside > 0)) faults.push(`${name} has got ${got}`);
    const replies = got.replaceAll(/\D/g, '');
    const asked = name === 'm1' ? 1 : name === 'm2' ? TOGETHER : 0;
    if (replies.length !== asked) faults.push(`${name} has got the replies ${replies}`);
  }
  room.end();
  return { steps, deaths: room.died, lost: lost.length, faults };
}

// Members by their numbers, and what the kernel takes of what each is sent at a time.
const CROWD = [1 << 20, 3000, 1 << 20, 1 << 20, 2000];
const SAID = ['a1;', 'e-2;', 's3;', 'o4;', 'b5;', 'O6;', 'T3;', 'a7;'];
const LETTERS = 5000;

/** Messages that came whole, without what other members have sent. */
const told = (got: string): string[] => got.match(/!|[aesobT][^;x]*;\d?/g) ?? [];

/** What a member has got that it should not, or has not got that it should; `inside` is how many deaths cost a message. */
function faultOf(number: number, got: string, inside: number): string | null {
  const name = `member ${number}`;
  const runs = got.match(/x+/g) ?? [];
  if (runs.some((run) => run.length % LETTERS !== 0))
    return `${name} has got a part of the letters`;
  if (/b5;(?!x)/.test(got)) return `${name} has got a part of a message`;
  const heard = told(got).map((text) => text.replace(/^e\d/, 'e-').replace(/^s3;\d/, 's3;'));
  const messages = heard.filter((text) => text !== '!');
  const missed = heard.length - messages.length;
  // Without the member who traps it is a message like any other.
  const traps = number > 3 && !messages.includes('T3;');
  const wanted = SAID.filter((text) => !text.startsWith('O') && !(traps && text === 'T3;'));
  if (traps && missed === 0) return `${name} was not told that it has missed one`;
  const inOrder = wanted.filter((text) => messages.includes(text)).join('') === messages.join('');
  if (!inOrder) return `${name} has got ${messages.join(' ')}`;
  if (silentGap(heard, wanted) || (messages.length < wanted.length && inside === 0)) {
    return `${name} has got only ${heard.join(' ')}`;
  }
  if (missed > Number(number > 3) + inside) return `${name} was told ${missed} times`;
  const own = got.match(/e(.)2;/);
  if (own !== null && own[1] !== `${number}`) return `${name} has got what ${own[1]} has written`;
  const counted = /s3;(\d)/.exec(got);
  if (inside === 0 && counted?.[1] !== '3') return `${name} has counted ${counted?.[1]}`;
  return null;
}

/** A message after the other for members who are sent to together; the guest traps for one of them. */
export function crowd(host: SharingHost, deaths: readonly number[]): RoomOutcome {
  const room = new Room(host, deaths);
  for (const [number, bytes] of CROWD.entries()) room.connect(`${number}`, `j${number}`, bytes);
  room.arm();
  for (const text of SAID) {
    room.member.publish('room', text);
    room.wake();
  }
  // Slow ones read on until nothing more comes.
  const all = (): number =>
    CROWD.reduce((sum, _, name) => sum + room.received(`${name}`).length, 0);
  for (let before = -1; before < all(); room.settle()) before = all();
  const { steps } = room;
  globalThis.wasmpollStep = undefined;
  const { faults, inside } = room;
  const lost = CROWD.map((_, number) => `${number}`).filter((name) => room.lost(name));
  // One has trapped. Who dies with bytes for another one takes that one along.
  if (lost.length > 1 + 2 * deaths.length) faults.push(`lost: ${lost.join(', ')}`);
  for (const number of CROWD.keys()) {
    if (lost.includes(`${number}`)) continue;
    const fault = faultOf(number, room.received(`${number}`), inside);
    if (fault !== null) faults.push(fault);
  }
  room.end();
  return { steps, deaths: room.died, lost: lost.length - 1, faults };
}
