// A siege: a guest that takes all the memory it can, clients that never read and clients that never
// finish a frame, against the binary; and honest ones that are to be served meanwhile.

import { writeFileSync } from 'node:fs';
import { pattern } from './bytes.ts';
import { type Client, connect } from './client.ts';
import { residentBytes } from './proc.ts';
import { type Owner, startCli, temporary } from './process.ts';
import {
  add,
  call,
  drop,
  equal,
  get,
  guest,
  i32,
  load8,
  memoryFill,
  memoryGrow,
  returns,
  set,
  when,
} from './wasm.ts';

const MiB = 1024 * 1024;
const NOT = 0x45;
const SHIFT_LEFT = 0x74;
const GREW = 4;

/** Takes 4 MiB at each call and touches them; consumes nothing that begins with F, echoes the rest. */
const hoarder = (): Uint8Array =>
  guest({
    functions: {
      on_data: {
        locals: ['i32'],
        body: [
          ...[i32(64), memoryGrow, set(GREW)],
          ...[get(GREW), i32(-1), equal, NOT],
          when(get(GREW), i32(16), SHIFT_LEFT, i32(0xa5), i32(4 * MiB), memoryFill),
          ...[get(2), load8(), i32(0x46), equal, when(i32(0), returns)],
          ...[get(0), get(2), get(3), call('send'), drop, get(3), i32(0), add],
        ],
      },
    },
  });

export interface SiegeReport {
  /** Resident memory of the binary, in bytes: before, and the most that was seen. */
  readonly before: number;
  readonly most: number;
  /** What is allowed: what it had, and everything that has a cap. */
  readonly bound: number;
  /** Answers that honest clients got during the siege. */
  readonly answers: number;
  readonly besiegers: number;
}

export async function siege(owner: Owner, besiegers: number): Promise<SiegeReport> {
  const path = `${temporary(owner)}/hoarder.wasm`;
  writeFileSync(path, hoarder());
  const [poolMiB, guestMiB, stagedMiB] = [32, 48, 4];
  const server = await startCli(owner, [
    ...['--listen', '127.0.0.1:0', '--log-level', 'silent', '--pool', `${poolMiB}MiB`],
    ...['--guest-memory', `${guestMiB}MiB`, '--max-staged', `${stagedMiB}MiB`, path],
  ]);
  const honest = await Promise.all(
    Array.from({ length: 8 }, () => connect(server.address, { owner })),
  );
  let answers = 0;
  const ask = async (client: Client, round: number): Promise<void> => {
    const text = `round ${round} of the honest`;
    await client.send(text);
    const got = String(await client.readExactly(text.length));
    if (got !== text) throw new Error(`honest client: ${got}`);
    answers += 1;
  };
  const before = residentBytes(server.pid);
  let most = before;
  const flood = pattern(768 * 1024, 3);
  flood[0] = 1;
  const frame = Buffer.concat([Buffer.from('F'), pattern(60_000, 4)]);
  for (let round = 0, count = 0; count < besiegers; round += 1) {
    for (let burst = 0; burst < 25 && count < besiegers; burst += 1, count += 1) {
      const reads = count % 2 === 1;
      const client = await connect(server.address, { owner, paused: !reads });
      // The kernel takes what it has room for; the rest waits here until the client is destroyed.
      client.send(reads ? frame : flood).catch(() => undefined);
    }
    await Promise.all(honest.map((client) => ask(client, round)));
    most = Math.max(most, residentBytes(server.pid));
  }
  for (let round = 0; round < 50; round += 1) {
    await Promise.all(honest.map((client) => ask(client, round)));
    most = Math.max(most, residentBytes(server.pid));
  }
  // Two staging buffers' worth and the heaps of two threads are on top of what is named.
  const slackMiB = 48;
  const bound = before + (poolMiB + guestMiB + stagedMiB + slackMiB) * MiB;
  return { before, most, bound, answers, besiegers };
}
