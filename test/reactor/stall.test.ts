// After a standstill — the process was stopped, or its loop was busy — what came meanwhile counts.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import { Loopback } from '../../host/kernel/loopback/loopback.ts';
import type { Socket } from '../../host/kernel/loopback/loopback-socket.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { Reactor } from '../../host/reactor/reactor.ts';

// By turns of many rounds in a host application's thread, of one in a thread of the server's own.
const TURNS = {
  turn: (reactor: Reactor) => reactor.turn(),
  serve: (reactor: Reactor) => {
    reactor.serve(0);
    return reactor.ready;
  },
};

for (const [name, turn] of Object.entries(TURNS)) {
  test(`however many clients had sent in time, none of them is closed as idle: ${name}()`, async (t) => {
    const policy = resolvePolicy({ maxConnections: 600, idleTimeoutMs: 300 });
    const bytes = await readFile(new URL('../../protocols/echo.wasm', import.meta.url));
    const kernel = new Loopback();
    let now = 1;
    const reasons: number[] = [];
    const reactor = new Reactor({
      kernel,
      module: await loadModule(bytes, policy),
      policy,
      observer: {
        open: null,
        data: null,
        close: ({ reason }) => reasons.push(reason),
        restart: ({ why }) => t.fail(why),
        failure: (error) => t.fail(String(error)),
        fault: ({ connection }) => t.fail(`${connection}`),
        log: () => true,
      },
      now: () => now,
      buffer: ArrayBuffer,
    });
    const clients: Socket[] = [];
    for (let index = 0; index < 600; index += 1) {
      const { fd, client } = kernel.connect(1000, '');
      reactor.open(fd);
      clients.push(client);
    }
    now += 310;
    for (const client of clients) client.send(Uint8Array.of(1));
    const events = new Uint32Array(3);
    while (turn(reactor) || reactor.epoll.wait(events, 0) > 0);
    t.deepEqual(reasons, []);
    t.true(clients.every((client) => client.drain().length === 1));
  });
}
