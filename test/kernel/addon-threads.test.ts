// The addon in several threads of one process: scripts in child processes, since what goes wrong here
// ends a whole process.

import test from 'ava';
import { runScript } from '../helpers/process.ts';

const here = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** Runs a script to its end. It has the addon, Worker, and `thread(source)`, which starts one. */
const script = (source: string, nativeHere = true) =>
  runScript(`
    import { once } from 'node:events';
    import { readdirSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    ${nativeHere ? `const { native } = await import(${here('../../host/kernel/native.js')});` : ''}

    const thread = (source) => {
      const all = \`
        import { parentPort } from 'node:worker_threads';
        import { native } from ${here('../../host/kernel/native.js').replaceAll('"', "'")};
        \${source}\`;
      return new Worker(new URL('data:text/javascript,' + encodeURIComponent(all)));
    };
    const WATCHING = \`
      const epoll = native.epoll();
      epoll.add(native.eventfd(1), native.constants.EPOLLIN, 0, 0);
      let wakes = 0;
      new native.Watcher(epoll.fd, () => {
        wakes += 1;
        if (wakes === 3) parentPort.postMessage('watching');
      });\`;
    ${source}
  `);

const quiet = { code: 0, signal: null, stderr: '' };

test('the process goes on and exits 0 when a thread with an open watcher is terminated', async (t) => {
  const outcome = await script(`
    const worker = thread(WATCHING);
    await once(worker, 'message');
    console.log(await worker.terminate());
    const pair = native.socketpair();
    const byte = new Uint8Array([7]);
    native.send(pair[0], byte, 0, 1);
    console.log(native.recv(pair[1], byte, 0, 1), byte[0]);
    const epoll = native.epoll();
    epoll.add(native.eventfd(1), native.constants.EPOLLIN, 0, 0);
    const watcher = new native.Watcher(epoll.fd, () => {
      watcher.close();
      console.log('woken');
    });
  `);
  t.deepEqual(outcome, { ...quiet, stdout: '1\n1 7\nwoken\n' });
});

test('threads load the addon while the main thread has it, and each has its own', async (t) => {
  const outcome = await script(`
    const copy = (fill) => {
      const rows = new Int32Array([3, 0, 0, 0, 4, 0, 0, 4]);
      const bytes = new Uint8Array(8).fill(fill, 0, 4);
      const io = native.io(rows);
      io.bind(0, bytes);
      io.run(0, 1);
      return bytes.join('');
    };
    const workers = Array.from({ length: 8 }, (_, index) =>
      thread(\`parentPort.postMessage((\${copy})(\${index}));\`));
    const all = Promise.all(workers.map((worker) => once(worker, 'message')));
    console.log(copy(9));
    console.log((await all).join(' '));
  `);
  const copies = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(8));
  t.deepEqual(outcome, { ...quiet, stdout: `99999999\n${copies.join(' ')}\n` });
});

test('a thread loads the addon though the main thread does not', async (t) => {
  const outcome = await script(
    `
    const worker = thread(WATCHING);
    await once(worker, 'message');
    await worker.terminate();
    console.log(await once(thread('parentPort.postMessage(native.constants.EPOLLIN)'), 'message'));
  `,
    false,
  );
  t.deepEqual(outcome, { ...quiet, stdout: '[ 1 ]\n' });
});

test('what the addon holds for threads is given back when they end', async (t) => {
  const outcome = await script(`
    const count = () => readdirSync('/proc/self/fd').length;
    const cycle = async () => {
      const workers = Array.from({ length: 4 }, () => thread(WATCHING));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
    };
    await cycle();
    const before = count();
    for (let round = 0; round < 5; round += 1) await cycle();
    console.log(count() - before);
  `);
  t.deepEqual(outcome, { ...quiet, stdout: '0\n' });
});

test('a thread is terminated in the midst of native calls', async (t) => {
  const outcome = await script(`
    const worker = thread(\`
      const pair = native.socketpair();
      const bytes = new Uint8Array(65536);
      parentPort.postMessage('ready');
      for (;;) {
        native.send(pair[0], bytes, 0, bytes.length);
        native.recv(pair[1], bytes, 0, bytes.length);
      }\`);
    await once(worker, 'message');
    await worker.terminate();
    console.log('terminated');
  `);
  t.deepEqual(outcome, { ...quiet, stdout: 'terminated\n' });
});

test('the process may exit while threads watch', async (t) => {
  const outcome = await script(`
    const workers = Array.from({ length: 4 }, () => thread(WATCHING));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    process.exit(7);
  `);
  t.deepEqual(outcome, { ...quiet, code: 7, stdout: '' });
});

test('the main thread and others serve at once, each with its own guest', async (t) => {
  const outcome = await script(`
    import { connect } from 'node:net';
    import { serve } from ${here('../../host/index.js')};
    const SERVING = \`
      import { serve } from ${here('../../host/index.js').replaceAll('"', "'")};
      const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0' });
      parentPort.postMessage(server.addresses[0]);
      parentPort.once('message', () => server.close().then(() => parentPort.close()));\`;
    const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0' });
    const workers = Array.from({ length: 3 }, () => thread(SERVING));
    const started = await Promise.all(workers.map((worker) => once(worker, 'message')));
    const echo = async (address) => {
      const client = connect(Number(address.split(':')[1]), '127.0.0.1');
      client.end('hello');
      return String((await once(client, 'data'))[0]);
    };
    console.log(await Promise.all([server.addresses[0], ...started.flat()].map(echo)));
    const killed = workers.pop();
    await killed.terminate();
    console.log(await Promise.all([server.addresses[0], ...started.flat().slice(0, 2)].map(echo)));
    for (const worker of workers) worker.postMessage('close');
    console.log((await Promise.all(workers.map((worker) => once(worker, 'exit')))).flat());
    await server.close();
  `);
  const stdout =
    "[ 'hello', 'hello', 'hello', 'hello' ]\n[ 'hello', 'hello', 'hello' ]\n[ 0, 0 ]\n";
  t.deepEqual(outcome, { ...quiet, stdout });
});
