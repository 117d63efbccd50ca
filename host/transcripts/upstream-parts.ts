// Upstream parts: upstreams in a play: what they do as a whole, and who they are on each of their connections. It judges
// no bytes but those of PROXY headers.

import type { Harness } from '../testing/harness.ts';
import type { Upstream } from '../testing/upstream.ts';
import { Client } from './client.ts';
import { Failed } from './fault.ts';
import type { Deed, Step, Transcript } from './transcript.ts';
import { connectionName, upstreamNamed } from './upstream-lines.ts';

const MANNERS = ['accept', 'refuse', 'silence', 'reset', 'asked', 'proxied'] as const;
type Manner = Extract<Deed, { kind: (typeof MANNERS)[number] }>;

/** What is about an upstream, and never about a client. */
export const isManner = (step: Step): step is Step & Manner =>
  (MANNERS as readonly string[]).includes(step.kind);

export class UpstreamParts {
  /** The line that is played. */
  line = 0;
  readonly #harness: Harness;
  readonly #names: Transcript['upstreams'];
  readonly #connections = new Map<string, Client>();
  /** Of the connections that were asked for, how many a line has spoken of. */
  readonly #asked = new Map<string, number>();

  /** @param bufferBytes of their connections; null for what they have by themselves */
  constructor(harness: Harness, names: Transcript['upstreams'], bufferBytes: number | null) {
    this.#harness = harness;
    this.#names = names;
    for (const name of Object.keys(names)) {
      if (bufferBytes !== null) harness.upstream(name).bufferBytes = bufferBytes;
    }
  }

  /** Each connection that an upstream has accepted so far. */
  get connections(): Client[] {
    for (const name of Object.keys(this.#names)) {
      const { peers } = this.#harness.upstream(name);
      for (const [index, peer] of peers.entries()) {
        const label = connectionName(name, index + 1);
        if (this.#connections.has(label)) continue;
        const connection = new Client(label, peer, 'upstream');
        connection.line = this.line;
        this.#connections.set(label, connection);
      }
    }
    return [...this.#connections.values()];
  }

  /** @returns null if it is no upstream's @throws Failed when there is no such connection */
  connection(label: string): Client | null {
    const named = upstreamNamed(label, this.#names);
    if (named === null) return null;
    const found = this.connections.find(({ name }) => name === label);
    if (found !== undefined) return found;
    const { peers, asked, waiting } = this.#harness.upstream(named.name);
    if (asked === 0) {
      const none = `the guest has asked for no connection to ${named.name}`;
      throw new Failed(this.line, `there is no connection ${label}: ${none}`);
    }
    const times = (count: number): string =>
      count === 1 ? '1 connection' : `${count} connections`;
    const waits = waiting === 0 ? '' : `, of which ${waiting} waits for an answer`;
    const why = `the guest has asked for ${times(asked)}${waits}, and ${times(peers.length)} came about`;
    throw new Failed(this.line, `there is no connection ${label}: ${why}`);
  }

  /** Does what a line says. @throws Failed */
  play(step: Step & Manner): void {
    const { name } = upstreamNamed(step.client, this.#names)!;
    const upstream = this.#harness.upstream(name);
    if (step.kind === 'proxied') this.#checkHeader(step.client, step.address);
    else if (step.kind === 'asked') this.#checkAsked(name, upstream, step.host);
    else if (step.kind !== 'accept') upstream[step.kind]();
    else if (step.afterMs > 0) upstream.delay(step.afterMs);
    else upstream.accept();
  }

  #checkAsked(name: string, { hosts }: Upstream, host: string | null): void {
    const told = this.#asked.get(name) ?? 0;
    const found = hosts[told];
    this.#asked.set(name, told + 1);
    if (found === undefined) {
      const more = told === 0 ? '' : ' more than the lines before say';
      throw new Failed(this.line, `the guest has asked for no connection to ${name}${more}`);
    }
    if (host === null || found === host) return;
    const what = found === '' ? 'no host' : `'${found}'`;
    throw new Failed(this.line, `the guest has named ${what}; expected '${host}'`);
  }

  #checkHeader(label: string, address: string): void {
    const connection = this.connection(label)!;
    connection.line = this.line;
    connection.sync();
    const name = upstreamNamed(label, this.#names)!.name;
    const peer = this.#harness.upstream(name).peers.find((one) => one === connection.peer)!;
    const { header, proxied } = peer;
    if (header.length === 0) {
      throw new Failed(this.line, `no PROXY header comes; write upstream ${name} proxy=v1, or v2`);
    }
    if (!header.every((byte, at) => byte === connection.came[at])) {
      throw new Failed(this.line, 'the PROXY header came first, and a line before has taken it');
    }
    if (proxied !== address) {
      const who = proxied === '' ? 'no client' : proxied;
      throw new Failed(this.line, `the PROXY header names ${who}; expected ${address}`);
    }
    connection.take(header.length);
  }
}
