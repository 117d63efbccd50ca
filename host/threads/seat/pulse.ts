// Pulse: asks a seat's thread to turn, and who waits for its answer. It knows neither threads nor messages; who
// asks and who hears the answer is the seat.

// A worker whose callback takes longer has nothing to tell of yet.
const LOOK_MS = 50;

export class Pulse {
  readonly #ask: () => void;
  #looked: () => void = () => undefined;
  /** Whoever wants to know whether it turns; one question for all of them. */
  #turned: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  /** @param ask has the thread turn and answer, if there is one */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** Resolves when the thread has served all that came before; if it does not, in a moment all the same. */
  look(): Promise<void> {
    return new Promise((resolve) => {
      const patience = setTimeout(resolve, LOOK_MS);
      this.#looked = () => {
        clearTimeout(patience);
        resolve();
      };
      this.#ask();
    });
  }

  /** Resolves when the thread, or one that replaces it, has turned. */
  turned(): Promise<void> {
    if (this.#turned !== null) return this.#turned.promise;
    let resolve: () => void = () => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.#turned = { promise, resolve };
    this.#ask();
    return promise;
  }

  /** A thread serves, which was not asked yet. */
  started(): void {
    if (this.#turned !== null) this.#ask();
  }

  /** The thread has turned, or none ever will. */
  answered(): void {
    this.#looked();
    this.#turned?.resolve();
    this.#turned = null;
  }
}
