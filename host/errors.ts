// The errors that a caller can meet, each with a string `code`. A peer's mistake is a return value, and a
// guest's trap ends one connection. A guest's failure is thrown only where a call was about the guest as a
// whole: loading it, starting it, swapping it, or the end of a command.

export type Code =
  | 'ERR_ADDRESS'
  | 'ERR_POLICY'
  | 'ERR_TLS'
  | 'ERR_OPTION'
  | 'ERR_CONFIG'
  | 'ERR_MODULE'
  | 'ERR_GUEST'
  | 'ERR_TRAP'
  | 'ERR_HUNG'
  | 'ERR_CLOSED'
  | 'ERR_LIMIT'
  | 'ERR_CONFLICT'
  | 'ERR_UNAVAILABLE'
  | 'ERR_UNKNOWN'
  | 'ERR_EPOLL_CLOSED'
  | 'ERR_ADDON';

/** Something the operator or the embedding program can put right; the message says how. */
export class WasmpollError extends Error {
  override readonly name = 'WasmpollError';
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A module that cannot go on with the connections of the one before; another start could have it. */
export class TakeoverError extends WasmpollError {
  /** @param why what to do about it is in there, too */
  constructor(why: string) {
    super('ERR_GUEST', why);
  }
}

/** A request to the store that was refused, or whose answer did not come. */
export class StoreError extends WasmpollError {
  /**
   * With ERR_UNKNOWN of a `put` or `add`: the version that the key has if it has happened, so that `get`
   * can tell. Null otherwise.
   */
  readonly version: Uint8Array | null;

  constructor(code: Code, message: string, version: Uint8Array | null = null) {
    super(code, message);
    this.version = version;
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  return textOf(thrown).replaceAll(/\s*[\r\n]+\s*/g, ' ');
}

// An object without a prototype, and one whose `toString` throws, cannot be made text.
function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return `${typeof thrown} without a text`;
  }
}
