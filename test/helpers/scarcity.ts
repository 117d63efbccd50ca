// Servers to which little is left: no descriptor, no thread. Clients that hang their callback, and those who only
// want an answer. Where a tool is missing that takes things away, a test is skipped, and says so.

import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Client, connect } from './client.ts';
import { hazard } from './hang-or-trap-guest.ts';
import { type Running, type StartOptions, startCli, temporary, works } from './process.ts';

export const flags = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--grace', '1s'];
export const TIMEOUT = ['--callback-timeout', '400ms'];

/** A folder that any user may enter, with the guest in it. */
export function guestFile(t: ExecutionContext): string {
  const folder = temporary(t);
  chmodSync(folder, 0o755);
  const file = path.join(folder, 'hazard.wasm');
  writeFileSync(file, hazard());
  return file;
}

/** @param args may say another time limit */
export const start = (
  t: ExecutionContext,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<Running> => {
  const timeout = args.includes(TIMEOUT[0]!) ? [] : TIMEOUT;
  return startCli(t, [...flags, ...timeout, ...args, guestFile(t)], options);
};

export const open = (t: ExecutionContext, server: Running, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => connect(server.address, { owner: t })));

/** Whether it is answered; false when it was closed in place of that. */
export async function answers(client: Client, text = 'hello'): Promise<boolean> {
  client.send(text).catch(() => undefined);
  const found = await client.readExactly(text.length).catch(() => null);
  return found !== null && found.toString() === text;
}

/** As many clients as the server takes, all of them answered. */
export async function fullHouse(
  t: ExecutionContext,
  server: Running,
  tries: number,
): Promise<Client[]> {
  const clients = await open(t, server, tries);
  const served = await Promise.all(clients.map((client) => answers(client)));
  return clients.filter((_, index) => served[index]);
}

/** One client's callback hangs. Resolves when it was reset. */
export async function hang(client: Client): Promise<void> {
  client.send('H').catch(() => undefined);
  await client.closed;
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

export function skipped(t: ExecutionContext, command: string): boolean {
  if (works(command, '--version')) return false;
  t.log(`skipped: there is no ${command}(1)`);
  t.pass();
  return true;
}

/** How many a process has open. */
export const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

export interface ThreadLimiter {
  /** A server is to be started behind it. */
  readonly prefix: readonly string[];
  /** From `forbid` until `allow`, clone(2) fails there with EAGAIN. */
  of(server: Running): { forbid(): void; allow(): void };
}

/**
 * Takes the right to make threads from a server, by a user whose processes are this test's alone.
 * @param number another one for each test of a file
 * @returns null when it cannot be done here, which the test's log says then
 */
export function threadLimiter(t: ExecutionContext, number: number): ThreadLimiter | null {
  const user = 1_000_000 + number * 100_000 + (process.pid % 100_000);
  const prefix = ['setpriv', `--reuid=${user}`, '--clear-groups', '--bounding-set=-all'] as const;
  const [command, ...rest] = prefix;
  if (!works(command, ...rest, 'true') || !works('prlimit', '--version')) {
    t.log('skipped: setpriv(1) or prlimit(1) is not there, or must not');
    return null;
  }
  return {
    prefix,
    of(server) {
      const limits = readFileSync(`/proc/${server.pid}/limits`, 'utf8');
      const [, soft] = /^Max processes +(\w+)/m.exec(limits)!;
      // A limit is another user's to change only with privileges that root may lack.
      const set = (processes: string): void => {
        const args = [...rest, 'prlimit', '--pid', String(server.pid), `--nproc=${processes}:`];
        execFileSync(command, args);
      };
      return { forbid: () => set('1'), allow: () => set(soft!) };
    },
  };
}
