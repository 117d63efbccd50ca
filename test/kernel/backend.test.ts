// The waiting of an event loop, taken over: what the loop has to do is done all the same. In child
// processes, since a loop that is never left would stop a whole test file.

import test from 'ava';
import { runScript } from '../helpers/process.ts';

const here = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

// `waiting(turn)` waits in libuv's place, on a set that has the loop's descriptor in it under token 1.
const SETUP = `
  const { native } = await import(${here('../../host/kernel/native.js')});
  const LOOP = 1;
  const epoll = native.epoll();
  const events = new Uint32Array(3 * 16);
  const waiting = (turn = () => {}) => {
    const backend = new native.Backend(() => {
      for (let due = false; !due; ) {
        const ms = backend.timeout();
        const count = epoll.wait(events, ms);
        due = ms === 0;
        for (let at = 0; at < count * 3; at += 3) {
          if (events[at] === LOOP) due = true;
          else turn(events[at], backend);
        }
      }
    });
    epoll.add(backend.fd, native.constants.EPOLLIN, LOOP, 0);
    return backend;
  };`;

const script = (source: string) =>
  runScript(`
    import { once } from 'node:events';
    import { createConnection, createServer } from 'node:net';
    import { Worker } from 'node:worker_threads';
    ${SETUP}
    ${source}`);

const quiet = { code: 0, signal: null, stderr: '' };

test('timers, immediates, sockets, files and threads go on while somebody else waits', async (t) => {
  const outcome = await script(`
    import { readFile } from 'node:fs/promises';
    import { setImmediate as immediate, setTimeout as timeout } from 'node:timers/promises';
    const backend = waiting();
    for (let turn = 0; turn < 3; turn += 1) await immediate();
    console.log('immediate');
    const start = performance.now();
    await timeout(20);
    console.log('timer', performance.now() - start >= 19);
    console.log('file', (await readFile('/proc/self/comm', 'utf8')).length > 0);
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = createConnection(server.address().port, '127.0.0.1');
    socket.write('hello');
    console.log('socket', String((await once(socket, 'data'))[0]));
    socket.destroy();
    server.close();
    const hello = 'import { parentPort } from "node:worker_threads"; parentPort.postMessage("hello");';
    const worker = new Worker(new URL('data:text/javascript,' + hello));
    console.log('thread', (await once(worker, 'message'))[0]);
    backend.close();`);
  const lines = ['immediate', 'timer true', 'file true', 'socket hello', 'thread hello', ''];
  t.deepEqual(outcome, { ...quiet, stdout: lines.join('\n') });
});

test('timeout is 0 while the loop has something to do, −1 for never, and 0 once closed', async (t) => {
  const outcome = await script(`
    const seen = [];
    const states = [
      () => {},
      () => setImmediate(() => {}),
      () => setTimeout(() => {}, 60_000).unref(),
    ];
    const backend = new native.Backend(() => {
      // The thread's own start may not be over in the first rounds.
      if (seen.length === 0 && backend.timeout() !== -1) return;
      states.shift()?.();
      const ms = backend.timeout();
      seen.push(ms > 59_000 && ms <= 60_000 ? 'a minute' : ms);
      if (states.length > 0) return;
      backend.close();
      seen.push(backend.timeout());
      console.log(seen.join(', '));
    });`);
  t.deepEqual(outcome, { ...quiet, stdout: '-1, 0, a minute, 0\n' });
});

test('an open backend keeps its thread alive until it is closed', async (t) => {
  const outcome = await script(`
    let rounds = 0;
    const backend = waiting();
    process.once('exit', () => console.log('exit after', rounds));
    setTimeout(() => {
      rounds += 1;
      setTimeout(() => {
        rounds += 1;
        backend.close();
      }, 5).unref();
    }, 5).unref();`);
  t.deepEqual(outcome, { ...quiet, stdout: 'exit after 2\n' });
});

test('what the callback throws is uncaught, and the next round comes', async (t) => {
  const outcome = await script(`
    process.on('uncaughtException', (error) => console.log(error.message));
    let round = 0;
    const backend = new native.Backend(() => {
      round += 1;
      if (round === 3) backend.close();
      else throw new Error('in round ' + round);
    });`);
  t.deepEqual(outcome, { ...quiet, stdout: 'in round 1\nin round 2\n' });
});

test('ticks and promises run when the callback returns', async (t) => {
  const outcome = await script(`
    const order = [];
    const backend = new native.Backend(() => {
      if (order.length > 0) {
        backend.close();
        console.log(order.join(' '));
        return;
      }
      process.nextTick(() => order.push('tick'));
      Promise.resolve().then(() => order.push('promise'));
      order.push('call');
    });`);
  t.deepEqual(outcome, { ...quiet, stdout: 'call tick promise\n' });
});

test('events of the set come without a round of the loop', async (t) => {
  const outcome = await script(`
    const [near, far] = native.socketpair();
    epoll.add(near, native.constants.EPOLLIN, 7, 0);
    const bytes = new Uint8Array(1);
    let messages = 0;
    let immediates = 0;
    setImmediate(function count() {
      immediates += 1;
    });
    const backend = waiting((token, backend) => {
      native.recv(near, bytes, 0, 1);
      messages += 1;
      if (messages < 1000) native.send(far, bytes, 0, 1);
      else {
        // Only to leave the loop that waits.
        setImmediate(() => backend.close());
        console.log(messages, immediates);
      }
    });
    setTimeout(() => native.send(far, bytes, 0, 1), 5);`);
  t.deepEqual(outcome, { ...quiet, stdout: '1000 1\n' });
});

for (const where of ['waits for ever', 'waits for a timer']) {
  test(`a thread that ${where} is terminated at once, and tells nobody`, async (t) => {
    const outcome = await script(`
      const source = \`
        import { parentPort } from 'node:worker_threads';
        ${SETUP.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('"', "'")}
        ${where === 'waits for a timer' ? 'setTimeout(() => {}, 600_000);' : ''}
        waiting();
        setImmediate(() => parentPort.postMessage('waiting'));\`;
      for (let round = 0; round < 5; round += 1) {
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
        await once(worker, 'message');
        const start = performance.now();
        console.log(await worker.terminate(), performance.now() - start < 5000);
      }`);
    t.deepEqual(outcome, { ...quiet, stdout: '1 true\n'.repeat(5) });
  });
}

test('the constructor wants a function', async (t) => {
  const outcome = await script(`
    for (const value of [undefined, null, 1, {}]) {
      try {
        new native.Backend(value);
      } catch (error) {
        console.log(error.code, error.message);
      }
    }`);
  const line = (got: string): string =>
    `ERR_INVALID_ARG_TYPE Backend: callback must be a function, got ${got}\n`;
  const stdout = ['undefined', 'null', 'a number', 'another object'].map(line).join('');
  t.deepEqual(outcome, { ...quiet, stdout });
});
