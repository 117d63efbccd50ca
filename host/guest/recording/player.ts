// Player: an instance is given again what another one was given. It has no connections, and does nothing that the guest
// asks for: each host function answers what is recorded. It judges nothing.

import { Clock } from '../../kernel/clock.ts';
import type { GuestModule } from '../../module/protocol-module.ts';
import type { Policy } from '../../policy.ts';
import type { Gate } from '../calls/gate.ts';
import { Guest } from '../guest.ts';
import { trapOf } from '../trap.ts';
import { type Answer, CALLBACKS, type Entry, type Written } from './recording.ts';

export interface Played {
  /** Why the guest has failed; null if it has not. */
  readonly failure: string | null;
  /** The callback in which it has. */
  readonly callback: string;
  /** Where it did another thing than it had done, in words; null if it did all the same. */
  readonly diverged: string | null;
  /** Lines that it has logged. */
  readonly logs: readonly { readonly level: number; readonly text: string }[];
}

type Callback = (...values: readonly number[]) => number | undefined;
type HostFunction = (...values: (number | bigint)[]) => number | undefined;

/** These act on the instance itself, which is there. */
const OWN = ['abort', 'proc_exit'];
/** These show a line besides what they answer, and are counted as they do it. */
const LINES = ['log', 'fd_write'];
/** Those of wasmpoll that are counted in the start-up, too, as all of WASI are. */
const EARLY = ['config', 'metric'];

/**
 * Gives an instance all that is recorded, one callback after the other, until it fails.
 * @throws WasmpollError ERR_GUEST when the instance does not start
 */
export function play(module: GuestModule, policy: Policy, entries: readonly Entry[]): Played {
  return new Player(entries).play(module, policy);
}

class Player {
  readonly #entries: readonly Entry[];
  readonly #logs: { level: number; text: string }[] = [];
  /** The entry that is played, and how many of its answers were given. */
  #number = 0;
  #given = 0;
  #diverged: string | null = null;

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  get #entry(): Entry | undefined {
    return this.#entries[this.#number];
  }

  play(module: GuestModule, policy: Policy): Played {
    const clock = new Clock(
      () => this.#entry?.now ?? 0,
      () => this.#entry?.wall ?? 0,
    );
    const guest = new Guest(module, policy, {
      clock,
      random: () => undefined,
      log: (level, text) => void this.#logs.push({ level, text }),
      around: (imports, gate) => this.#around(imports, gate),
    });
    guest.gate.open();
    this.#check(0);
    for (this.#number = 1; this.#number < this.#entries.length; this.#number += 1) {
      clock.refresh();
      const failure = this.#enter(guest, this.#entry!);
      if (failure !== null) return this.#played(guest, failure);
    }
    return this.#played(guest, null);
  }

  #played(guest: Guest, failure: string | null): Played {
    guest.end();
    const { callback = '' } = this.#entry ?? this.#entries.at(-1) ?? {};
    return { failure, callback, diverged: this.#diverged, logs: this.#logs };
  }

  /** @returns why the guest has failed; null if it has not */
  #enter(guest: Guest, { callback, numbers, writes }: Entry): string | null {
    this.#given = 0;
    write(guest, writes);
    const property = CALLBACKS.find(([name]) => name === callback)?.[1] ?? '';
    const call = guest[property as keyof Guest] as Callback | null;
    if (call === null) {
      this.#diverge(`the module has no ${callback}`);
      return null;
    }
    guest.gate.enter();
    let result = 0;
    try {
      result = call(...numbers) ?? 0;
    } catch (thrown) {
      return trapOf(thrown);
    }
    guest.memory.review();
    const [, , , length = 0] = numbers;
    if (guest.gate.dead !== null) return guest.gate.dead;
    const consumed = result >>> 0;
    if (callback === 'on_data' && consumed > length) {
      return `on_data consumed ${consumed} of ${length} bytes`;
    }
    this.#check(result);
    return null;
  }

  #check(result: number): void {
    const { answers = [], returned = null } = this.#entry ?? {};
    const next = answers[this.#given];
    if (next !== undefined) this.#diverge(`it did not call ${next.name}`);
    else if (returned === null && this.#number > 0) this.#diverge('it has returned');
    else if (returned !== null && returned !== result) {
      this.#diverge(`it has returned ${result}, not ${returned}`);
    }
  }

  // The first time says most.
  #diverge(what: string): void {
    const { callback = '' } = this.#entry ?? {};
    this.#diverged ??= `in entry ${this.#number}, ${callback || 'the start-up'}: ${what}`;
  }

  #around(imports: WebAssembly.Imports, gate: Gate): WebAssembly.Imports {
    const copy = Object.create(null) as Record<string, WebAssembly.ModuleImports>;
    for (const [module, functions] of Object.entries(imports)) {
      copy[module] = Object.create(null) as WebAssembly.ModuleImports;
      for (const [name, call] of Object.entries(functions)) {
        const early = module !== 'wasmpoll' || EARLY.includes(name);
        copy[module][name] = OWN.includes(name)
          ? call
          : this.#answering(name, call as HostFunction, gate, early);
      }
    }
    return copy;
  }

  #answering(name: string, call: HostFunction, gate: Gate, early: boolean): HostFunction {
    const shows = LINES.includes(name);
    return (...values) => {
      if (shows) call(...values);
      else if (early) gate.admitEarly();
      else gate.admit();
      const answer = this.#next(name);
      if (answer === null) return 0;
      if (answer.result === null) throw gate.broken(new Error(`${name} has thrown`));
      for (const { at, bytes } of answer.writes) {
        if (gate.memory.within(at, bytes.length)) gate.memory.view(at, bytes.length).set(bytes);
      }
      return answer.result;
    };
  }

  /** @returns null when the guest is not doing what it did */
  #next(name: string): Answer | null {
    const answer = this.#entry?.answers[this.#given];
    if (answer?.name === name) {
      this.#given += 1;
      return answer;
    }
    this.#diverge(`it calls ${name}${answer === undefined ? '' : `, not ${answer.name}`}`);
    return null;
  }
}

function write(guest: Guest, writes: readonly Written[]): void {
  const { memory } = guest;
  for (const { at, bytes } of writes) {
    if (memory.within(at, bytes.length)) memory.view(at, bytes.length).set(bytes);
  }
}
