// Messages: what the page and its worker say to each other. Types only, for both sides.

import type { Inspection } from '../../testing/inspection.ts';

/** A file that somebody has given to the page. */
export interface Given {
  /** What messages call it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The text of its source map; null without one. */
  readonly map: string | null;
  /** What the guest is given by `config`. */
  readonly config: string;
}

export type Command =
  /** Starts anew, without connections. */
  | { readonly do: 'load'; readonly module: Given }
  /** Puts another module under the connections. */
  | { readonly do: 'swap'; readonly module: Given }
  | { readonly do: 'connect'; readonly client: number }
  | { readonly do: 'send'; readonly client: number; readonly bytes: Uint8Array }
  | { readonly do: 'end' | 'reset' | 'forget'; readonly client: number }
  /** Whether it takes what comes. */
  | { readonly do: 'read'; readonly client: number; readonly reads: boolean }
  | { readonly do: 'advance'; readonly ms: number }
  /** Holds a transcript against a module. Clients are not touched. */
  | {
      readonly do: 'judge';
      readonly module: Given;
      readonly text: string;
      /** Where a fresh instance is to take over as well. */
      readonly fresh: readonly ('swap' | 'trap')[];
    };

export interface Asked {
  readonly id: number;
  readonly command: Command;
}

export interface Answered {
  readonly id: number;
  /** Why it was not done; null if it was. */
  readonly problem: string | null;
  /** What came of `judge`; null for all other commands. */
  readonly judged: Judged | null;
  readonly view: View;
}

/** A sign of life on the way to an answer. */
export interface Progress {
  readonly id: number;
  /** Of the transcript: it is played now. */
  readonly line: number;
  /** In which manner, in words. */
  readonly how: string;
}

export interface Judged {
  readonly passed: boolean;
  readonly plays: number;
  /** The line of the first fault; null without one. */
  readonly line: number | null;
  /** As `wasmpoll test` prints it. */
  readonly report: readonly string[];
}

/** What a client has received at one time. */
export interface Piece {
  /** Of the virtual clock, in milliseconds. */
  readonly at: number;
  /** The beginning; all of it if it is not longer than `PIECE_BYTES`. */
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** `refused`: it was closed before the guest heard of it. */
export type ClientState = 'open' | 'ended' | 'reset' | 'refused';

export interface ClientView {
  readonly client: number;
  readonly state: ClientState;
  /** It has sent its end. */
  readonly finished: boolean;
  readonly reads: boolean;
  /** Why it is over for the guest, as docs/abi.md has it: `PEER`; null before. */
  readonly reason: string | null;
  /** Since the last answer. */
  readonly received: readonly Piece[];
  /** Null once it is over. */
  readonly inspection: Inspection | null;
}

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'trap' | 'host';

/** A line of the log: the guest's own, a trap, or what the host has done. */
export interface Happening {
  readonly at: number;
  readonly level: Level;
  readonly text: string;
  /** The client whose connection a trap has cost; null otherwise. */
  readonly client: number | null;
}

/** A line of a transcript of what was done. */
export interface Recorded {
  /** Null for what is about no client. */
  readonly client: number | null;
  readonly text: string;
}

export interface Figures {
  readonly guestMemoryBytes: number;
  readonly poolBytes: number;
  readonly backlogBytes: number;
  readonly messages: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly guestTraps: number;
  readonly topics: number;
  readonly keys: number;
  /** The guest's own metrics, as text. */
  readonly guest: readonly (readonly [name: string, value: number])[];
}

/** All that the page shows. */
export interface View {
  readonly now: number;
  readonly clients: readonly ClientView[];
  /** Since the last answer. */
  readonly happenings: readonly Happening[];
  /** Since the last answer. */
  readonly recorded: readonly Recorded[];
  /** Null before a module has started. */
  readonly figures: Figures | null;
}
