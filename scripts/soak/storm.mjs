// Measures what a storm of traps leaves to the others: npm run soak -- storm --attackers N --rounds N. 4,000
// connections, 32 of them busy, and clients that trap, and come back at once. A calm second and a stormy one take
// turns. Exits with 1 when one of the others is lost, or they have less than half of their throughput in the median.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serve } from '../../dist/host/index.js';
import {
  add,
  call,
  drop,
  equal,
  get,
  guest,
  i32,
  load,
  load8,
  store,
  unreachable,
  when,
} from '../../dist/test/helpers/wasm.js';

const CLIENTS = 4000;
const BUSY = 32;
const WINDOW_MS = 1000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Echoes, traps at a T, and notes each connection in on_restore. */
const touchy = () =>
  guest({
    functions: {
      state_size: [i32(8)],
      on_restore: [get(1), get(1), load(), i32(1), add, store()],
      on_data: [
        [get(2), load8(), i32('T'.charCodeAt(0)), equal, when(unreachable)],
        [get(0), get(2), get(3), call('send'), drop],
        get(3),
      ],
    },
  });

async function measure(attackers, rounds) {
  const server = await serve({
    protocol: touchy(),
    listen: '127.0.0.1:0',
    policy: { maxConnections: 2 * CLIENTS, drainQuietMs: 0, graceMs: 1000 },
  });
  const port = server.addresses[0].split(':').pop();
  const child = (...args) => fork(fileURLToPath(import.meta.url), [...args, '--port', port]);
  const client = child();
  const attacker = child('--attackers', String(attackers));
  const count = async () => {
    client.send('count');
    return (await once(client, 'message'))[0];
  };
  await count();
  const ratios = [];
  const traps = server.stats().guestTraps;
  for (let round = 0; round < rounds; round += 1) {
    const calm = await count();
    attacker.send(true);
    const stormy = await count();
    attacker.send(false);
    if (stormy.lost > 0) throw new Error(`${stormy.lost} connections were lost`);
    ratios.push(stormy.answers / Math.max(1, calm.answers));
  }
  const trapped = Math.round((server.stats().guestTraps - traps) / rounds);
  client.kill();
  attacker.kill();
  await server.close();
  const shown = ratios.map((ratio) => `${Math.round(ratio * 100)} %`).join(', ');
  process.stdout.write(
    `${CLIENTS} connections, ${attackers} that trap and come back, ${trapped} traps a storm: the others have ` +
      `${Math.round(median(ratios) * 100)} % of their throughput in the median (${shown})\n`,
  );
  process.exitCode = median(ratios) < 0.5 ? 1 : 0;
}

const open = (port, whenOpen) => {
  const socket = connect(port, '127.0.0.1', () => whenOpen(socket));
  // Its end tells.
  return socket.on('error', () => undefined);
};

/** Tells how many answers came in each window that is asked for. */
async function beClients(port) {
  let [answers, lost] = [0, 0];
  const message = Buffer.alloc(64, 'x');
  const sockets = [];
  while (sockets.length < CLIENTS) {
    const opened = Array.from({ length: 100 }, () => new Promise((done) => open(port, done)));
    sockets.push(...(await Promise.all(opened)));
  }
  for (const socket of sockets) socket.on('close', () => lost++);
  for (const socket of sockets.slice(0, BUSY)) {
    socket.on('data', () => {
      answers += 1;
      socket.write(message);
    });
    socket.write(message);
  }
  process.on('message', async () => {
    // What comes before has its end.
    await pause(WINDOW_MS / 2);
    answers = 0;
    await pause(WINDOW_MS);
    process.send({ answers, lost });
  });
}

/** Traps as long as it is told to. */
function beAttackers(port, attackers) {
  let storming = false;
  const attack = () => {
    if (!storming) return;
    open(port, (socket) => socket.write('T')).on('close', () => setImmediate(attack));
  };
  process.on('message', (now) => {
    storming = now;
    for (let attacker = 0; attacker < attackers; attacker += 1) attack();
  });
}

const { values } = parseArgs({
  options: {
    attackers: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    port: { type: 'string' },
  },
});
const { port, attackers = '20', rounds } = values;
const whole = /^[1-9]\d{0,2}$/;
if (port !== undefined) {
  if (values.attackers === undefined) await beClients(Number(port));
  else beAttackers(Number(port), Number(attackers));
} else if (whole.test(attackers) && whole.test(rounds)) {
  await measure(Number(attackers), Number(rounds));
} else {
  process.stderr.write(
    'soak storm: --attackers and --rounds must be whole numbers from 1 to 999\n',
  );
  process.exit(2);
}
