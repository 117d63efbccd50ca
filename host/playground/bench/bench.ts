// Bench: READ THIS FIRST of the two rooms. A guest on the harness, and clients that somebody else holds by number. It
// does one command at a time, and says after each what has changed. It knows no page and no worker.

import { LOG_DEBUG, LOG_ERROR, LOG_INFO, LOG_WARN } from '../../../assembly/abi.ts';
import { messageOf } from '../../errors.ts';
import { SourceLines } from '../../module/source-lines.ts';
import { type Failure, type Harness, harness, type Peer } from '../../testing/harness.ts';
import { reasonName } from '../../transcripts/transcript.ts';
import { judged } from './judging.ts';
import type {
  Answered,
  Asked,
  ClientState,
  ClientView,
  Command,
  Figures,
  Given,
  Happening,
  Judged,
  Level,
  Piece,
  Progress,
  View,
} from './messages.ts';
import { Recording } from './recording.ts';

/** More than anybody reads. What a client has received at once is cut there. */
export const PIECE_BYTES = 16 * 1024;
/** Small, as a socket's: a client that does not read is felt soon. */
const BUFFER_BYTES = 64 * 1024;
/** Lines of the log in one answer. */
const MOST_LINES = 500;
/** Moments of one advance that are looked at by themselves. */
const MOST_STEPS = 1000;

const LEVELS = new Map<number, Level>([
  [LOG_DEBUG, 'debug'],
  [LOG_INFO, 'info'],
  [LOG_WARN, 'warn'],
  [LOG_ERROR, 'error'],
]);

interface Client {
  readonly peer: Peer;
  finished: boolean;
  reads: boolean;
  received: Piece[];
  /** What was recorded of its state. */
  told: ClientState | 'over';
}

export class Bench {
  #harness: Harness | null = null;
  #lines: SourceLines | null = null;
  readonly #clients = new Map<number, Client>();
  #happenings: Happening[] = [];
  #recording = new Recording();

  /**
   * Does what is asked, and says what has changed since the last answer. Never rejects.
   * @param tell is given signs of life
   */
  async answer({ id, command }: Asked, tell: (progress: Progress) => void): Promise<Answered> {
    let problem: string | null = null;
    let verdict: Judged | null = null;
    try {
      if (command.do === 'judge') {
        verdict = await judged(command, (progress) => tell({ id, ...progress }));
      } else await this.#do(command);
    } catch (error) {
      problem = messageOf(error);
    }
    return { id, problem, judged: verdict, view: this.#view() };
  }

  async #do(command: Exclude<Command, { do: 'judge' }>): Promise<void> {
    if (command.do === 'load') return this.#load(command.module);
    const guest = this.#harness;
    if (guest === null) throw new Error('there is no module yet');
    if (command.do === 'swap') return this.#swap(guest, command.module);
    if (command.do === 'advance') this.#advance(guest, command.ms);
    else if (command.do === 'connect') this.#connect(guest, command.client);
    else this.#move(command);
    this.#collect(guest);
  }

  async #load(module: Given): Promise<void> {
    const { name, config } = module;
    this.#harness = null;
    this.#clients.clear();
    this.#recording = new Recording();
    this.#lines = linesOf(module);
    const guest = await harness(module.bytes, { name, config });
    this.#harness = guest;
    this.#collect(guest);
  }

  async #swap(guest: Harness, module: Given): Promise<void> {
    const lines = this.#lines;
    this.#lines = linesOf(module);
    try {
      await guest.swap(module.bytes, { name: module.name, config: module.config });
    } catch (error) {
      this.#lines = lines;
      throw error;
    } finally {
      this.#collect(guest);
    }
  }

  #connect(guest: Harness, number: number): void {
    const peer = guest.connect({ bufferBytes: BUFFER_BYTES });
    this.#recording.did(number, 'connect');
    const client: Client = { peer, finished: false, reads: true, received: [], told: 'open' };
    this.#clients.set(number, client);
  }

  #move(
    command: Exclude<Command, { do: 'load' | 'swap' | 'advance' | 'connect' | 'judge' }>,
  ): void {
    const client = this.#clients.get(command.client);
    if (client === undefined) throw new Error(`there is no client ${command.client}`);
    const { peer } = client;
    if (command.do === 'send') {
      const sent = peer.send(command.bytes);
      if (sent > 0) this.#recording.moved(command.client, '>', command.bytes.subarray(0, sent));
      if (sent < command.bytes.length) throw new Error(unsent(sent, command.bytes.length));
    } else if (command.do === 'end') {
      client.finished = true;
      this.#recording.did(command.client, 'finish');
      peer.end();
    } else if (command.do === 'read') client.reads = command.reads;
    else {
      client.finished = true;
      this.#leave(command.client, command.do === 'reset' ? 'drop' : 'leave', client);
      if (command.do === 'reset') peer.reset();
      else peer.close();
      if (command.do === 'forget') this.#clients.delete(command.client);
    }
  }

  #leave(number: number, word: 'drop' | 'leave', client: Client): void {
    if (client.told !== 'over') this.#recording.did(number, word);
    client.told = 'over';
  }

  /** What the client sees of the server's end, and the reason for the guest. */
  #recordEnd(number: number, client: Client): void {
    if (client.told === 'over') return;
    const { peer, told } = client;
    const state = stateOf(peer);
    if (state !== told && state === 'ended') this.#recording.did(number, 'ends');
    if (state !== told && state === 'reset') this.#recording.did(number, 'resets');
    client.told = state;
    if (peer.closeReason === undefined) return;
    this.#recording.did(number, `closed ${reasonName(peer.closeReason)}`);
    client.told = 'over';
  }

  // From timer to timer, so that what happens meanwhile is told with its time.
  #advance(guest: Harness, ms: number): void {
    const end = guest.now + ms;
    let from = guest.now;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const next = this.#nextTimer(guest);
      if (next >= end) break;
      guest.advance(Math.max(0, next - guest.now));
      if (guest.now > from) this.#recording.waited(guest.now - from);
      from = guest.now;
      this.#collect(guest);
    }
    guest.advance(end - guest.now);
    if (end > from) this.#recording.waited(end - from);
  }

  #nextTimer(guest: Harness): number {
    const timers = [...this.#clients.values()].map(
      ({ peer }) => guest.inspect(peer.connection)?.timerAt ?? Number.POSITIVE_INFINITY,
    );
    return Math.min(...timers);
  }

  /** Takes what has come, with the time that it is. */
  #collect(guest: Harness): void {
    const at = guest.now;
    for (const [number, client] of this.#clients) {
      const all = client.reads ? client.peer.received() : new Uint8Array(0);
      if (all.length > 0) {
        this.#recording.moved(number, '<', all);
        client.received.push({ at, bytes: all.slice(0, PIECE_BYTES), length: all.length });
      }
      this.#recordEnd(number, client);
    }
    for (const { level, text } of guest.logs.splice(0)) {
      const line = { at, level: LEVELS.get(level) ?? 'info', text, client: null };
      this.#happenings.push(line);
    }
    const failures = guest.failures.splice(0);
    for (const why of guest.traps.splice(0)) {
      const failure = failures[0]?.why === why ? failures.shift() : undefined;
      this.#happenings.push({ at, level: 'trap', ...this.#trap(why, failure) });
    }
  }

  #trap(why: string, failure?: Failure): Pick<Happening, 'text' | 'client'> {
    if (failure === undefined) return { text: why, client: null };
    const { callback, connection, place } = failure;
    const line = place === null ? null : (this.#lines?.at(place.offset, place.called) ?? null);
    const where = line === null ? '' : ` (${line})`;
    const known = why.includes(callback) ? '' : `, in ${callback}`;
    const found = [...this.#clients].find(([, { peer }]) => peer.connection === connection);
    return { text: `${why}${known}${where}`, client: found?.[0] ?? null };
  }

  #view(): View {
    const guest = this.#harness;
    const happenings = lastOf(this.#happenings);
    this.#happenings = [];
    const recorded = this.#recording.take();
    if (guest === null) return { now: 0, clients: [], happenings, recorded, figures: null };
    const clients = [...this.#clients].map(([number, client]) => viewOf(guest, number, client));
    return { now: guest.now, clients, happenings, recorded, figures: figuresOf(guest) };
  }
}

function lastOf(all: readonly Happening[]): readonly Happening[] {
  const [over, first] = [all.length - MOST_LINES, all[0]];
  if (over <= 0 || first === undefined) return all;
  const text = `${over} lines before these are left out`;
  return [{ at: first.at, level: 'host', text, client: null }, ...all.slice(over)];
}

const linesOf = ({ map }: Given): SourceLines | null => (map === null ? null : SourceLines.of(map));

function unsent(sent: number, length: number): string {
  if (sent < 0) return 'the connection is over: nothing was sent';
  return `the guest takes no more: ${sent} of ${length} bytes were sent`;
}

function viewOf(
  guest: Harness,
  client: number,
  { peer, finished, reads, ...its }: Client,
): ClientView {
  const received = its.received.splice(0);
  const reason = peer.closeReason === undefined ? null : reasonName(peer.closeReason);
  const inspection = guest.inspect(peer.connection);
  return { client, state: stateOf(peer), finished, reads, reason, received, inspection };
}

function stateOf({ connection, state }: Peer): ClientState {
  return connection === 0 ? 'refused' : state;
}

function figuresOf(guest: Harness): Figures {
  const { shared, guest: metrics, ...counts } = guest.stats();
  const named = Object.entries(metrics).map(
    ([name, metric]) => [name, metric.kind === 'histogram' ? metric.count : metric.value] as const,
  );
  const { guestMemoryBytes, poolBytes, backlogBytes, messages } = counts;
  const { bytesIn, bytesOut, guestTraps } = counts;
  return {
    ...{ guestMemoryBytes, poolBytes, backlogBytes, messages, bytesIn, bytesOut, guestTraps },
    ...{ topics: shared.topics, keys: shared.keys, guest: named },
  };
}
