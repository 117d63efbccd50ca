// Stream: events of the admin socket as they come, and whether they come. When the connection is lost it is made
// again, sooner at first. It knows nothing of what events say.

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 10_000;
/** The status comes once a second; without one for so long something is wrong. */
const SILENT_MS = 5000;

export type Link =
  | { readonly state: 'waiting' }
  | { readonly state: 'live' }
  | { readonly state: 'silent'; readonly sinceMs: number }
  | { readonly state: 'lost'; readonly retryMs: number };

export interface Follower {
  /** Data of an event, by its name. */
  event(name: 'status' | 'log', data: string): void;
  /** Another connection: what came before may come again. */
  opened(): void;
  link(link: Link): void;
}

export class Stream {
  readonly #follower: Follower;
  #source: EventSource | null = null;
  #retryMs = FIRST_RETRY_MS;
  #retryAt = 0;
  #heardAt = 0;

  constructor(follower: Follower) {
    this.#follower = follower;
    this.#open();
    setInterval(() => this.#look(), 500);
  }

  #open(): void {
    const source = new EventSource('events');
    this.#source = source;
    this.#heardAt = Date.now();
    source.addEventListener('open', () => this.#follower.opened());
    source.addEventListener('error', () => this.#lost());
    source.addEventListener('status', ({ data }) => {
      this.#heardAt = Date.now();
      this.#retryMs = FIRST_RETRY_MS;
      this.#follower.link({ state: 'live' });
      this.#follower.event('status', data);
    });
    source.addEventListener('log', ({ data }) => this.#follower.event('log', data));
  }

  // EventSource would try again by itself, but not after an answer such as 503, and without telling when.
  #lost(): void {
    this.#source?.close();
    this.#source = null;
    this.#retryAt = Date.now() + this.#retryMs;
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
    this.#look();
  }

  #look(): void {
    const now = Date.now();
    if (this.#source !== null) {
      const sinceMs = now - this.#heardAt;
      if (sinceMs > SILENT_MS) this.#follower.link({ state: 'silent', sinceMs });
    } else if (now >= this.#retryAt) this.#open();
    else this.#follower.link({ state: 'lost', retryMs: this.#retryAt - now });
  }
}
