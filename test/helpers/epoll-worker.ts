// A thread, or with a mode as its argument a process, that leaves an Epoll in some state, for
// epoll-async.test.ts. It says 'ready' when it is in that state.

import { parentPort, workerData } from 'node:worker_threads';
import { EPOLLIN, Epoll } from '../../host/epoll/epoll.ts';
import { eventfd, write } from '../../host/epoll/socket.ts';

export type EpollMode = 'blocked' | 'busy' | 'pending' | 'looping' | 'idle' | 'kept';

const say = (text: string) => parentPort?.postMessage(text) ?? console.log(text);

const epoll = new Epoll();
const event = eventfd(0);
epoll.register(event, EPOLLIN);

async function loop(): Promise<void> {
  for await (const events of epoll) say(String(events.length));
}

const modes: Record<EpollMode, () => void> = {
  blocked() {
    say('ready');
    epoll.poll();
  },
  busy() {
    say('ready');
    for (;;) epoll.poll(0);
  },
  pending() {
    void epoll.pollAsync();
    void epoll.pollAsync(1000);
    say('ready');
  },
  looping() {
    void loop();
    say('ready');
  },
  // Nothing waits, though something did.
  idle() {
    write(event, new Uint8Array(new BigUint64Array([1n]).buffer));
    void epoll.pollAsync().then(() => say('ready'));
  },
  // The timer does not keep the process alive, so that it fires only if the call does.
  kept() {
    setTimeout(() => write(event, new Uint8Array(new BigUint64Array([1n]).buffer)), 50).unref();
    void epoll.pollAsync().then((events) => say(`answered with ${events.length}`));
  },
};

modes[(workerData ?? process.argv[2]) as EpollMode]();
