// SQLite messages: what the main thread and the thread with the database say to each other.

export interface SqliteSettings {
  readonly path: string;
  /** The file grows no further; what does not fit then is LIMIT. */
  readonly mostBytes: number;
  /** How long to wait for another process that is writing. */
  readonly busyMs: number;
}

export type SqliteRequest =
  | { readonly op: 'get'; readonly key: Uint8Array }
  | {
      readonly op: 'put';
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly version: Uint8Array;
      readonly expected: Uint8Array | null;
      readonly ttlMs: number;
    }
  | { readonly op: 'delete'; readonly key: Uint8Array; readonly expected: Uint8Array | null }
  | {
      readonly op: 'add';
      readonly key: Uint8Array;
      readonly delta: number;
      readonly version: Uint8Array;
      readonly ttlMs: number;
    };

export interface SqliteAnswer {
  /** STATUS_… */
  readonly status: number;
  /** Of a GET. */
  readonly version?: Uint8Array;
  readonly value?: Uint8Array;
  /** Of an ADD. */
  readonly sum?: number;
  /** Why, when it is UNAVAILABLE or UNKNOWN. */
  readonly why?: string;
}

export type FromSqlite =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answers'; readonly answers: readonly SqliteAnswer[] }
  /** The database cannot be used (any more); the thread ends. */
  | { readonly kind: 'failed'; readonly why: string };

export type ToSqlite =
  | { readonly kind: 'perform'; readonly requests: readonly SqliteRequest[] }
  | { readonly kind: 'close' };
