// Transcript: what a conversation with a guest consists of, types only, and the words that stand for close
// reasons. It does not know how one is written down.

import * as abi from '../../assembly/abi.ts';
import type { Policy } from '../policy.ts';
import type { ConnectOptions } from '../testing/options.ts';
import type { UpstreamOptions } from '../testing/upstream.ts';

/** What one line says. */
export type Deed =
  /** The client sends. */
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Exactly these bytes come next. */
  | { readonly kind: 'expect'; readonly bytes: Uint8Array }
  | { readonly kind: 'connect'; readonly options: ConnectOptions }
  /** The client: sends no more; closes; is lost; does its part of the handshake of TLS. */
  | { readonly kind: 'finish' | 'leave' | 'drop' | 'handshake' }
  /** Nothing more has come; the server has finished; the connection was reset. */
  | { readonly kind: 'nothing' | 'ends' | 'resets' }
  /** For the guest the connection is over, with one of REASON_…. */
  | { readonly kind: 'closed'; readonly reason: number }
  /** The guest has logged a line with this text, after the last such line. */
  | { readonly kind: 'logs'; readonly text: string }
  /** The upstream does so from here on, also for who waits: `accept` after so long. */
  | { readonly kind: 'accept'; readonly afterMs: number }
  | { readonly kind: 'refuse' | 'silence' | 'reset' }
  /** The guest has asked for another connection to the upstream, with this host; null for any. */
  | { readonly kind: 'asked'; readonly host: string | null }
  /** A PROXY header has come first, and names this client. */
  | { readonly kind: 'proxied'; readonly address: string }
  /** The clock goes on. */
  | { readonly kind: 'wait'; readonly ms: number };

/**
 * A line, and whom it is about: a client, '' for the one without a name, and for what is about none; or an upstream's
 * connection, `db` for the first one, `db.2` for the second.
 */
export type Step = Deed & { readonly line: number; readonly client: string };

export interface Transcript {
  /** For messages: the path of its file. */
  readonly name: string;
  readonly steps: readonly Step[];
  /** Lines of `config`, each with its end; null if there is none. */
  readonly config: string | null;
  /** The path that `config-file` names, as it is written there; null if there is none. */
  readonly configFile: { readonly path: string; readonly line: number } | null;
  readonly policy: Partial<Policy>;
  /** Those that the transcript plays, by their names. */
  readonly upstreams: Readonly<Record<string, UpstreamOptions>>;
}

/** `PEER` for REASON_PEER, and so on. */
export const reasons: ReadonlyMap<string, number> = new Map(
  Object.entries(abi)
    .filter(([name]) => name.startsWith('REASON_'))
    .map(([name, reason]) => [name.slice('REASON_'.length), reason]),
);

export function reasonName(reason: number): string {
  const [name] = [...reasons].find(([, number]) => number === reason) ?? [String(reason)];
  return name;
}
