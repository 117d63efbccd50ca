// Twin: shared state in TypeScript, with the results of the addon's call for call. For tests without
// threads and sockets, and as the model of the other: simple, not fast.

import { STATUS_LIMIT, STATUS_OK, STATUS_UNAVAILABLE } from '../../assembly/abi.ts';
import type { Shared, SharedLimits, SharedSeat } from './contract.ts';
import { Place } from './place.ts';
import { type Asked, dataOf } from './record.ts';
import * as Records from './records.ts';
import { type Message, Retained } from './retained.ts';
import { type Performing, TwinSeat } from './seat.ts';
import { Store } from './store.ts';
import { type Name, Topics } from './topics.ts';

const {
  CHARGE_ENTRY,
  COMMITTED_OWN,
  COMMITTED_REFUSED,
  FLAG_INBOUND,
  FLAG_OTHERS,
  FLAG_PATTERN,
  FLAG_QUIET,
  FLAG_RETAIN,
  FLAG_SHARED,
  OP_DIRECT,
  OP_GAP,
  OP_JOIN,
  OP_LEAVE,
  OP_PUBLISH,
} = Records;

/** Of all that there is room for, what retained messages may take: the rest is for who joins. */
const KEPT_SHARE = 0.75;
/** Stands for no seat. */
const NOBODY = -1;

export class Twin implements Shared {
  readonly id: number;
  readonly #limits: SharedLimits;
  readonly #wake: (seat: number) => void;
  readonly #topics = new Topics();
  readonly #retained = new Retained();
  readonly #store: Store;
  readonly #places = new Map<number, Place>();
  /** Seats that somebody can wake. */
  readonly #rung = new Set<number>();
  #storeSeat = NOBODY;
  #publishSeat = NOBODY;
  /** Of the latest join or message. */
  #number = 0;
  #published = 0;
  #delivered = 0;
  #missed = 0;
  /** For seats that are closed. */
  #leftOut = 0;
  #poisoned = 0;

  /** @param wake is told of a seat in place of its eventfd, after all else that the call does */
  constructor(limits: SharedLimits, wake: (seat: number) => void, id = 0) {
    this.id = id;
    this.#limits = limits;
    this.#wake = wake;
    this.#store = new Store(limits.storeBytes);
  }

  open(seat: number, eventFd: number): void {
    if (this.#places.has(seat)) throw new RangeError(`seat ${seat} is open`);
    const { queueBytes } = this.#limits;
    this.#places.set(seat, new Place(seat, queueBytes, this.#topics, this.#retained));
    if (eventFd >= 0) this.#rung.add(seat);
  }

  close(seat: number): void {
    const place = this.#places.get(seat);
    if (place === undefined) return;
    place.clear();
    this.#leftOut += place.queue.leftOut;
    this.#places.delete(seat);
    this.#rung.delete(seat);
  }

  seat(seat: number): SharedSeat {
    const place = this.#places.get(seat);
    if (place === undefined) throw new RangeError(`seat ${seat} is not open`);
    return new TwinSeat(place, this.#performing);
  }

  routeStore(seat: number): void {
    this.#storeSeat = seat;
  }

  routePublishes(seat: number): void {
    this.#publishSeat = seat;
  }

  reply(seat: number, handle: number, tag: number, status: number, bytes: Uint8Array): void {
    const place = this.#places.get(seat);
    if (!place?.requests.has(handle)) return;
    place.queue.reply(handle, tag, { status, bytes: bytes.slice() });
    this.#ring(NOBODY);
  }

  count(columns: Float64Array): void {
    const places = [...this.#places.values()];
    const sum = (of: (place: Place) => number) => places.reduce((all, place) => all + of(place), 0);
    columns[Records.COUNT_TOPICS] = this.#topics.names;
    columns[Records.COUNT_MEMBERS] = this.#topics.members;
    columns[Records.COUNT_RETAINED] = this.#retained.size;
    columns[Records.COUNT_GROUP_BYTES] = this.#groupBytes;
    columns[Records.COUNT_KEYS] = this.#store.size;
    columns[Records.COUNT_STORE_BYTES] = this.#store.bytes;
    columns[Records.COUNT_QUEUE_BYTES] = sum((place) => place.queue.bytes);
    columns[Records.COUNT_PENDING] = sum((place) => place.pending);
    columns[Records.COUNT_PUBLISHED] = this.#published;
    columns[Records.COUNT_DELIVERED] = this.#delivered;
    columns[Records.COUNT_MISSED] = this.#missed;
    columns[Records.COUNT_LEFT_OUT] = this.#leftOut + sum((place) => place.queue.leftOut);
    columns[Records.COUNT_POISONED] = this.#poisoned;
  }

  release(): void {
    for (const seat of [...this.#places.keys()]) this.close(seat);
  }

  readonly #performing: Performing = {
    has: (place) => this.#places.get(place.seat) === place,
    check: (place, asked, joins) => this.#check(place, asked, joins),
    commit: (place, records, now) => {
      // With requests alone the addon does not look at topics.
      const alone = this.#storeSeat === NOBODY && records.every(({ op }) => isStore(op));
      if (!alone) this.#retained.now = now;
      let bits = 0;
      for (const asked of records) bits |= this.#perform(place, asked, now);
      return bits | this.#ring(place.seat);
    },
    delivered: (members) => {
      this.#delivered += members;
    },
    missed: (members) => {
      this.#missed += members;
    },
    poisoned: () => {
      this.#poisoned += 1;
    },
  };

  get #groupBytes(): number {
    return this.#topics.bytes + this.#retained.bytes;
  }

  #check(place: Place, asked: Asked, joins: number): number {
    if (this.#fits(place, asked, joins)) return STATUS_OK;
    if (isStore(asked.op)) return STATUS_LIMIT;
    // Perhaps there is room once what is over is removed.
    this.#retained.sweep();
    return this.#fits(place, asked, joins) ? STATUS_OK : STATUS_LIMIT;
  }

  #fits({ seat }: Place, asked: Asked, joins: number): boolean {
    const { op, handle, flags } = asked;
    const { groupBytes } = this.#limits;
    if (op === OP_JOIN) {
      const name = nameOf(asked);
      if (this.#topics.member(seat, handle, name) !== undefined) return true;
      if (this.#topics.joins(seat, handle) + joins >= this.#limits.maxJoins) return false;
      const left = groupBytes - this.#groupBytes - this.#topics.charge(seat, handle, name);
      return left >= this.#topics.own(seat, handle);
    }
    if (op === OP_PUBLISH) {
      const data = dataOf(asked).length;
      if ((flags & FLAG_RETAIN) === 0 || data === 0) return true;
      const charge = this.#retained.charge(asked.name, data);
      const fits = this.#retained.bytes + charge <= groupBytes * KEPT_SHARE;
      return charge <= 0 || (fits && this.#groupBytes + charge <= groupBytes);
    }
    const route = isStore(op) ? this.#places.get(this.#storeSeat) : undefined;
    return route === undefined || route.queue.fits(chargeOf(asked));
  }

  #perform(place: Place, asked: Asked, now: number): number {
    switch (asked.op) {
      case OP_JOIN:
        this.#join(place, asked);
        return 0;
      case OP_LEAVE:
        this.#topics.leave(place.seat, asked.handle, nameOf(asked));
        return 0;
      case OP_PUBLISH:
        this.#publish(place, asked);
        return 0;
      case OP_DIRECT: {
        const to = this.#places.get(asked.seat);
        return to?.queue.direct(this.#message(asked), asked.handle) ? 0 : COMMITTED_REFUSED;
      }
      case OP_GAP:
        for (const other of this.#places.values()) {
          if (this.#topics.handles(other.seat).length > 0) other.queue.gapForAll();
        }
        return 0;
      default:
        this.#request(place, asked, now);
        return 0;
    }
  }

  #join({ seat, queue }: Place, asked: Asked): void {
    const name = nameOf(asked);
    this.#number += 1;
    const quiet = (asked.flags & FLAG_QUIET) !== 0;
    this.#retained.sweep();
    this.#topics.join(seat, asked.handle, name, asked.tag, this.#number, quiet);
    if ((asked.flags & (FLAG_QUIET | FLAG_SHARED)) !== 0) return;
    if (this.#retained.concerns(name)) queue.follow(name, asked.handle, this.#number);
  }

  #publish({ seat }: Place, asked: Asked): void {
    const { name, handle, flags } = asked;
    const message = this.#message(asked);
    this.#published += 1;
    if ((flags & FLAG_RETAIN) !== 0) {
      this.#retained.sweep();
      if (dataOf(asked).length > 0) this.#retained.keep(message, asked.ttl);
      else this.#retained.drop(name);
    }
    for (const place of this.#places.values()) {
      const except = (flags & FLAG_OTHERS) !== 0 && place.seat === seat ? handle : 0;
      if (this.#topics.hears(place.seat, name)) place.queue.publish(message, except);
    }
    if ((flags & FLAG_INBOUND) !== 0) return;
    this.#places.get(this.#publishSeat)?.queue.forward(asked.whole, seat, chargeOf(asked));
  }

  #message({ name, bytes }: Asked): Message {
    this.#number += 1;
    return { topic: name, bytes, number: this.#number, choices: new Map(), poisoned: false };
  }

  #request({ seat, queue, requests }: Place, asked: Asked, now: number): void {
    const { handle, tag } = asked;
    if (handle !== 0) requests.set(handle, (requests.get(handle) ?? 0) + 1);
    const route = this.#places.get(this.#storeSeat);
    if (route !== undefined) {
      route.queue.request(asked.whole, seat, chargeOf(asked));
      return;
    }
    const answer =
      this.#storeSeat === NOBODY
        ? this.#store.perform(asked, now)
        : { status: STATUS_UNAVAILABLE, bytes: new Uint8Array() };
    if (handle !== 0) queue.reply(handle, tag, answer);
  }

  /**
   * Wakes who has got something and does not know.
   * @param own the seat that needs not be woken, as it is told by what this returns
   */
  #ring(own: number): number {
    const fresh = [...this.#places.values()].filter((place) => place.queue.fresh);
    const asleep = fresh.filter((place) => !place.signalled && place.seat !== own);
    for (const place of fresh) {
      place.queue.fresh = false;
      place.signalled = true;
    }
    for (const { seat } of asleep) {
      if (this.#rung.has(seat)) this.#wake(seat);
    }
    return fresh.some((place) => place.seat === own) ? COMMITTED_OWN : 0;
  }
}

function nameOf({ name, flags }: Asked): Name {
  const end = (flags & FLAG_SHARED) === 0 ? -1 : name.indexOf('/');
  const share = name.slice(0, Math.max(0, end));
  return { text: name.slice(end + 1), pattern: (flags & FLAG_PATTERN) !== 0, share };
}

const isStore = (op: number): boolean => op >= Records.OP_GET && op <= Records.OP_ADD;

/** What a record that is routed is charged. */
const chargeOf = ({ bytes }: Asked): number => CHARGE_ENTRY + bytes.length;
