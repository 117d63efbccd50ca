// Play: one transcript, once, on a harness. It knows how each line is carried out, and not how often one is played.

import { REASON_TRAP } from '../../assembly/abi.ts';
import type { Harness } from '../testing/harness.ts';
import { RestlessError } from '../testing/settling.ts';
import { checkBytes, checkNothing, checkOver, checkReason, checkRest, stateOf } from './checks.ts';
import { Client, joined } from './client.ts';
import { Failed, type Fault } from './fault.ts';
import { type Manner, numbers, piecesOf } from './manner.ts';
import type { Step, Transcript } from './transcript.ts';
import { isManner, UpstreamParts } from './upstream-parts.ts';

/** What the guest logged last says the most. */
const LOGS_SHOWN = 5;
/** So often a guest is replaced for one thing that happens: one that greets anew each time would never rest. */
const MOST_FRESH = 8;
const TESTS_TRAP = 'a trap that the test has made';

export class Play {
  /** How many rounds it took: places for a fresh instance. */
  rounds = 0;
  readonly #clients = new Map<string, Client>();
  readonly #upstreams: UpstreamParts;
  /** Connections whose client came again. */
  readonly #before: Client[] = [];
  readonly #harness: Harness;
  readonly #transcript: Transcript;
  readonly #manner: Manner;
  readonly #next: (below: number) => number;
  readonly #watch: (line: number) => void;
  /** The one that is played. */
  #line = 1;
  /** How many lines of the log a line of the transcript has passed. */
  #logsRead = 0;
  /** Traps that were looked at. */
  #traps = 0;
  /** How many of them a line may yet speak of. */
  #trapsUnsaid = 0;
  #freshLeft = 0;

  /** @param watch is told of each line before it is played: a guest may not return from it */
  constructor(
    harness: Harness,
    transcript: Transcript,
    manner: Manner,
    watch: (line: number) => void,
  ) {
    this.#harness = harness;
    this.#transcript = transcript;
    this.#manner = manner;
    this.#watch = watch;
    this.#next = numbers(typeof manner.cut === 'string' ? 1 : manner.cut.seed);
    this.#upstreams = new UpstreamParts(harness, transcript.upstreams, manner.bufferBytes);
    harness.between = () => this.#round();
  }

  /** Plays it. @returns what went wrong first; null if all went well */
  run(): Fault | null {
    try {
      this.#run();
      this.#end();
      return null;
    } catch (thrown) {
      const failed =
        thrown instanceof RestlessError ? new Failed(this.#line, thrown.message) : thrown;
      if (!(failed instanceof Failed)) throw thrown;
      const { line, message: what, bytes } = failed;
      const places = this.#places;
      const logs = this.#harness.logs.slice(-LOGS_SHOWN).map(({ text }) => text);
      return { line, what, bytes, places, logs };
    }
  }

  #run(): void {
    const { steps } = this.#transcript;
    for (let at = 0; at < steps.length; ) {
      const step = steps[at]!;
      let end = at + 1;
      if (step.kind === 'send') {
        while (steps[end]?.kind === 'send' && steps[end]!.client === step.client) end += 1;
      }
      this.#line = step.line;
      this.#watch(step.line);
      this.#upstreams.line = step.line;
      this.#freshLeft = MOST_FRESH;
      if (step.kind === 'send') this.#send(steps.slice(at, end));
      else this.#other(step);
      this.#checkTraps(step.line, steps.slice(end));
      at = end;
    }
  }

  get #places(): Fault['places'] {
    const { failures } = this.#harness;
    const own = failures.filter(({ why }) => !why.startsWith(TESTS_TRAP));
    return own.flatMap(({ place }) => place ?? []);
  }

  // All clients leave, and the guest has to stand that as well.
  #end(): void {
    this.#syncAll();
    const all = [...this.#before, ...this.#all];
    for (const client of all) checkRest(client);
    const { line } = this.#transcript.steps.at(-1)!;
    for (const client of all) if (!client.left) client.leave();
    this.#checkTraps(line, []);
  }

  /** @throws Failed for a trap that none of the lines to come speaks of */
  #checkTraps(line: number, coming: readonly Step[]): void {
    const { traps } = this.#harness;
    const fresh = traps.slice(this.#traps).filter((why) => !why.startsWith(TESTS_TRAP));
    this.#traps = traps.length;
    this.#trapsUnsaid += fresh.length;
    const said = coming.filter((step) => step.kind === 'closed' && step.reason === REASON_TRAP);
    if (this.#trapsUnsaid > said.length) {
      const what = `the guest failed: ${fresh.join('; ')}`;
      throw new Failed(line, `${what}; write closed TRAP, if that is right`);
    }
  }

  get #all(): Client[] {
    return [...this.#clients.values(), ...this.#upstreams.connections];
  }

  /** Everybody reads, and sends what still waits; so do those who come by it. */
  #syncAll(but: string | null = null): void {
    for (let count = -1; count !== this.#all.length; ) {
      count = this.#all.length;
      for (const client of this.#all) if (client.name !== but) client.sync();
    }
  }

  #round(): void {
    const { fresh } = this.#manner;
    const due = fresh !== null && (fresh.at === 'each' || fresh.at === this.rounds);
    this.rounds += 1;
    if (!due || this.#freshLeft === 0) return;
    this.#freshLeft -= 1;
    if (fresh.by === 'swap') this.#harness.renew();
    else this.#harness.trap(TESTS_TRAP);
  }

  #client(name: string, line: number): Client {
    const client =
      this.#upstreams.connection(name) ?? this.#clients.get(name) ?? this.#connect(name, {});
    client.line = line;
    return client;
  }

  #connect(name: string, options: Parameters<Harness['connect']>[0]): Client {
    const { bufferBytes } = this.#manner;
    const peer = this.#harness.connect({
      ...options,
      ...(bufferBytes !== null && { bufferBytes }),
    });
    const client = new Client(name, peer);
    this.#clients.set(name, client);
    return client;
  }

  #send(steps: readonly Step[]): void {
    const [{ client: name, line }] = steps as [Step];
    this.#syncAll(name);
    const client = this.#client(name, line);
    if (client.left || client.finished) {
      const what = client.left ? 'has left' : 'sends no more since it has finished';
      const advice = client.kind === 'client' ? '; write connect first' : '';
      throw new Failed(line, `the ${client.kind} ${what}${advice}`);
    }
    const all = joined(...steps.flatMap((step) => (step.kind === 'send' ? [step.bytes] : [])));
    for (const [index, piece] of piecesOf(all, this.#next, this.#manner.cut).entries()) {
      this.#watch(line);
      this.#freshLeft = MOST_FRESH;
      if (client.send(piece)) continue;
      // What is behind the end of a conversation is lost, as with any client that did not wait.
      if (index === 0) throw new Failed(line, `nothing can be sent: ${stateOf(client)}`);
      break;
    }
    client.line = steps.at(-1)!.line;
  }

  #other(step: Exclude<Step, { kind: 'send' }>): void {
    this.#syncAll();
    if (step.kind === 'wait') {
      this.#harness.advance(step.ms);
      return;
    }
    if (step.kind === 'logs') {
      this.#logs(step.text, step.line);
      return;
    }
    if (step.kind === 'connect') {
      this.#comes(step.client, step.options, step.line);
      return;
    }
    if (isManner(step)) {
      this.#upstreams.play(step);
      return;
    }
    const client = this.#client(step.client, step.line);
    client.sync();
    if (step.kind === 'expect') checkBytes(client, step.bytes);
    else if (step.kind === 'closed') {
      const inspection = this.#harness.inspect(client.peer.connection);
      checkReason(client, step.reason, inspection?.waiting === 'guest');
      if (step.reason === REASON_TRAP && this.#trapsUnsaid > 0) this.#trapsUnsaid -= 1;
    } else if (step.kind === 'nothing') checkNothing(client);
    else if (step.kind === 'ends' || step.kind === 'resets') checkOver(client, step.kind);
    else client[step.kind]();
  }

  #comes(name: string, options: Parameters<Harness['connect']>[0], line: number): void {
    const before = this.#clients.get(name);
    if (before !== undefined) {
      if (!before.isOver) throw new Failed(line, 'the client is connected already');
      this.#before.push(before);
    }
    this.#connect(name, options).line = line;
  }

  #logs(text: string, line: number): void {
    const { logs } = this.#harness;
    const at = logs.findIndex((one, index) => index >= this.#logsRead && one.text.includes(text));
    if (at >= 0) {
      this.#logsRead = at + 1;
      return;
    }
    throw new Failed(
      line,
      'the guest has logged no such line since the last one that was expected',
    );
  }
}
