// Listening: READ THIS FIRST. All listeners of a server: opened together or not at all, and changed while it
// runs. It gives them their numbers, and knows nothing of those who come by them.

import { WasmpollError } from '../errors.ts';
import type { Native, PeerCounts } from '../kernel/native.ts';
import type { TlsShare } from '../kernel/tls/tls-access.ts';
import type { Policy } from '../policy.ts';
import type { TlsContexts } from '../tls/contexts.ts';
import type { Acceptor } from './acceptor.ts';
import { bindPlan, closeQuietly, keyOf } from './binding.ts';
import type { ListeningCounts } from './counts.ts';
import { Guard, type GuardParts } from './guard.ts';
import type { Listener } from './listener.ts';
import { type ListenerTable, MOST_LISTENERS } from './peer/listener-table.ts';
import { type Plan, parseAll, planAll } from './plan.ts';
import type { Listen, ListenSpec } from './spec.ts';

/** One that listens. */
export interface Open {
  readonly number: number;
  readonly listener: Listener;
  readonly spec: ListenSpec;
  /** What was asked for, in numbers: with port 0, not the port that the kernel has chosen. */
  readonly key: string;
}

/** What an engine has counted, as far as those matter who were kept out. */
interface Counted {
  readonly connections: { readonly open: number; readonly total: number; readonly refused: number };
  readonly errors: Readonly<Record<string, number>>;
}

interface Parts extends GuardParts {
  readonly contexts: TlsContexts;
}

export class Listening {
  readonly #native: Native;
  readonly #policy: Policy;
  readonly #parts: Parts;
  readonly #addresses: PeerCounts | null;
  #open: readonly Open[] = [];
  #acceptor: Acceptor | null = null;

  /** @param addresses limits them; null for no limits */
  constructor(native: Native, policy: Policy, parts: Parts, addresses: PeerCounts | null) {
    this.#native = native;
    this.#policy = policy;
    this.#addresses = addresses;
    this.#parts = parts;
  }

  /** What other threads have to know of the listeners. */
  get table(): ListenerTable {
    return this.#parts.table;
  }

  /** The table of addresses, for `enterPeer`; 0 when they are not limited. */
  get peers(): number {
    return this.#parts.peers;
  }

  /** What threads need to serve TLS, which a listener may have later; null where this Node has none. */
  get tls(): TlsShare | null {
    return this.#parts.contexts.share;
  }

  /** What threads find, and whoever connects to upstreams. */
  get contexts(): TlsContexts {
    return this.#parts.contexts;
  }

  /** Reads all certificates again. @throws WasmpollError ERR_TLS; nothing has changed then */
  reloadTls(): void {
    this.#parts.contexts.reload();
  }

  /** Adds those who were kept out here to what an engine has counted. */
  counted<Counts extends Counted>(counts: Counts): Counts & ListeningCounts {
    const errors: Record<string, number> = { ...counts.errors };
    let { refused } = counts.connections;
    for (const [name, count] of Object.entries(this.#parts.refusals.counts)) {
      errors[name] = (errors[name] ?? 0) + count;
      refused += count;
    }
    const addresses = this.#addresses?.known ?? 0;
    const tls = this.#parts.contexts.counts;
    const connections = { ...counts.connections, refused };
    return { ...counts, connections, errors, addresses, ...(tls === null ? {} : { tls }) };
  }

  /** As `--listen` takes them, with real ports. */
  get addresses(): readonly string[] {
    return this.#open.map(({ listener }) => listener.address);
  }

  /** How each is doing. */
  get states(): { address: string; state: 'listening' | 'paused' | 'closed' }[] {
    return this.#open.map(({ number, listener: { address } }) => {
      return { address, state: this.#acceptor?.stateOf(number) ?? 'closed' };
    });
  }

  /** Connections are taken by this acceptor from here on. */
  start(acceptor: Acceptor): void {
    this.#acceptor = acceptor;
    for (const open of this.#open) this.#accept(open);
  }

  #accept({ number, listener, spec }: Open): void {
    this.#acceptor?.add(number, listener, this.#gateOf(number, listener, spec));
  }

  // Who may connect to a Unix socket its file says.
  #gateOf(number: number, { unix }: Listener, spec: ListenSpec): Guard | null {
    if (unix || !Guard.needed(spec, this.#parts.peers)) return null;
    return new Guard(this.#parts, number, spec);
  }

  /**
   * Reads what is to be listened on, and resolves the names in it.
   * @returns does it, as `change`
   * @throws WasmpollError ERR_ADDRESS
   */
  async prepare(listen: Listen | readonly Listen[]): Promise<() => void> {
    const plans = await planAll(parseAll(listen));
    return () => this.change(plans);
  }

  /**
   * Listens on these, and on nothing else: what is open already stays open, with the rules that it has now;
   * what is not asked for any more is closed, once those in its queue are accepted. The mode and the owner of a
   * socket file that is open stay as they are.
   * @throws an Error in Node's form or WasmpollError ERR_ADDRESS; nothing has changed then
   */
  change(plans: readonly Plan[]): void {
    const before = [...this.#open];
    const opened: Open[] = [];
    const next: Open[] = [];
    try {
      for (const plan of plans) {
        const kept = takeKept(before, plan);
        if (kept !== null) next.push(...kept.map((open) => this.#renewed(open, plan.spec)));
        else {
          const fresh = this.#openPlan(plan);
          opened.push(...fresh);
          next.push(...fresh);
        }
      }
      checkTwice(next);
    } catch (error) {
      this.#parts.contexts.discard();
      for (const { number, listener } of opened) this.#discard(number, listener);
      const known = new Set([...this.#open, ...opened].map(({ number }) => number));
      for (const { number } of next) if (!known.has(number)) this.#parts.table.remove(number);
      throw error;
    }
    this.#swap(before, opened, next);
  }

  #swap(gone: readonly Open[], opened: readonly Open[], next: readonly Open[]): void {
    const numbers = new Map(this.#open.map(({ listener, number }) => [listener, number]));
    this.#open = next;
    this.#parts.contexts.commit();
    for (const open of next) {
      const number = numbers.get(open.listener);
      if (opened.includes(open)) this.#accept(open);
      else if (number !== undefined && number !== open.number) this.#renumber(number, open);
    }
    for (const { number, listener } of gone) {
      if (this.#acceptor === null) closeQuietly(listener);
      else this.#acceptor.remove(number);
      this.#forget(number);
    }
  }

  #forget(number: number): void {
    this.#parts.contexts.forget(number);
    this.#parts.table.remove(number);
  }

  #renumber(before: number, { number, listener, spec }: Open): void {
    this.#acceptor?.renumber(before, number, this.#gateOf(number, listener, spec));
    this.#forget(before);
  }

  // With other rules it has another number: those who came by the old rules go on under them.
  #renewed(open: Open, spec: ListenSpec): Open {
    if (rulesOf(open.spec) === rulesOf(spec)) return { ...open, spec };
    checkKind(open.listener, spec);
    return { ...open, spec, number: this.#enter(spec) };
  }

  #enter({ name, trusted, allow, deny, tls }: ListenSpec): number {
    const { table, contexts } = this.#parts;
    const number = table.add({ name, proxied: trusted !== null, allow, deny });
    try {
      if (number >= 0) contexts.prepare(number, name, tls);
    } catch (error) {
      table.remove(number);
      throw error;
    }
    if (number >= 0) return number;
    throw new WasmpollError('ERR_ADDRESS', `listen: there can be ${MOST_LISTENERS} listeners`);
  }

  #openPlan(plan: Plan): Open[] {
    const { spec } = plan;
    const bound = bindPlan(this.#native, plan, this.#policy);
    const open: Open[] = [];
    try {
      for (const { listener, key } of bound) {
        checkKind(listener, spec);
        open.push({ number: this.#enter(spec), listener, spec, key });
      }
      return open;
    } catch (error) {
      for (const { number } of open) this.#parts.table.remove(number);
      for (const { listener } of bound) closeQuietly(listener);
      throw error;
    }
  }

  #discard(number: number, listener: Listener): void {
    this.#parts.table.remove(number);
    closeQuietly(listener);
  }

  /** No connection is left. */
  close(): void {
    this.#parts.contexts.close();
  }

  /** Closes all before an acceptor has taken them. */
  abandon(): void {
    for (const { number, listener } of this.#open) this.#discard(number, listener);
    this.#open = [];
  }
}

/** What holds for those who come by it. */
const rulesOf = ({ name, trusted, allow, deny, tls }: ListenSpec): string =>
  JSON.stringify([name, trusted === null ? null : [...trusted], [...allow], [...deny], tls]);

/** Takes the listeners of a plan out of those that are open; null when it is to be opened. */
function takeKept(before: Open[], { spec, addresses }: Plan): Open[] | null {
  const isKept = (open: Open): boolean =>
    spec.place.kind === 'fd'
      ? open.spec.place.kind === 'fd' && open.spec.place.name === spec.place.name
      : addresses.some((address) => keyOf(address) === open.key);
  const keys = new Set<string>();
  const kept = before.filter((open) => isKept(open) && !keys.has(open.key) && keys.add(open.key));
  for (const open of kept) before.splice(before.indexOf(open), 1);
  return kept.length > 0 ? kept : null;
}

/** What could not be said before it was known what kind of socket was passed. */
function checkKind({ unix }: Listener, { place, name, trusted, allow, deny }: ListenSpec): void {
  if (place.kind !== 'fd') return;
  const bad = (why: string): WasmpollError =>
    new WasmpollError('ERR_ADDRESS', `listen '${name}': ${why}`);
  if (unix && (allow.length > 0 || deny.length > 0 || (trusted?.length ?? 0) > 0)) {
    throw bad('it is a Unix socket, which has no addresses to name');
  }
  if (!unix && trusted?.length === 0)
    throw bad('proxy.from is missing: from whom headers are believed');
}

function checkTwice(all: readonly Open[]): void {
  const seen = new Set<string>();
  for (const { key, spec } of all) {
    if (spec.place.kind === 'fd' && seen.has(key)) {
      throw new WasmpollError('ERR_ADDRESS', `listen '${spec.name}': the socket is given twice`);
    }
    seen.add(key);
  }
}
