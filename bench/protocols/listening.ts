// Where a contender listens: as it says itself, or as it has to be told.

import { createServer } from 'node:net';
import { Child } from '../load/child.ts';
import type { Running } from './suite.ts';

const LISTENS = /^listening on \S*?:(\d+)\n/m;

/** Starts one that says where it listens. */
export async function listening(command: readonly string[]): Promise<Running> {
  const child = new Child(command);
  return { child, port: Number((await child.shows(LISTENS))[1]) };
}

/** For a moment nobody has it. A program that is told its port has to be told a free one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
