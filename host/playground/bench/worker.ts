// Worker: the thread in which the bench runs, so that a guest that does not return can be ended with it. It passes
// messages on, in their order.

import { Bench } from './bench.ts';
import type { Answered, Asked, Progress } from './messages.ts';

/** What a worker of a page is, as far as this file knows. */
interface Scope {
  onmessage: ((event: { readonly data: Asked }) => void) | null;
  postMessage(message: Answered | Progress | 'ready'): void;
}

const scope = globalThis as unknown as Scope;
const bench = new Bench();
let before: Promise<void> = Promise.resolve();
scope.onmessage = ({ data }) => {
  before = before.then(async () => {
    const tell = (progress: Progress): void => scope.postMessage(progress);
    scope.postMessage(await bench.answer(data, tell));
  });
};
scope.postMessage('ready');
