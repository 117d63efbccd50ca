// The suite of RESP: GET and SET beside redis-server.

import { cli } from '../../test/helpers/process.ts';
import { BenchError, Child, outputOf } from '../load/child.ts';
import { CONNECTIONS, exchangeCase } from './exchange.ts';
import { freePort, listening } from './listening.ts';
import type { Case, Contender, Pins, Running, Suite } from './suite.ts';

const SECONDS = 0.35;
const WARMUP = 0.1;

const command = (...parts: string[]): string => `*${parts.length}\r\n${parts.map(bulk).join('')}`;
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

// Each size has keys of its own.
const key = (bytes: number): string => `key:${bytes}:??`;
const value = (bytes: number): string => 'v'.repeat(bytes);

function cases(): Case[] {
  const all: Case[] = [];
  for (const bytes of [64, 4096]) {
    for (const depth of [1, 16]) {
      const shape = { depth, seconds: SECONDS, warmup: WARMUP };
      const title = (name: string): string => `${name}, ${bytes} B, pipeline ${depth}`;
      // SET comes first: in each round it has set what GET reads.
      const set = command('SET', key(bytes), value(bytes));
      const get = command('GET', key(bytes));
      all.push(
        exchangeCase({ title: title('SET'), request: set, answer: '+OK\r\n', ...shape }),
        exchangeCase({ title: title('GET'), request: get, answer: bulk(value(bytes)), ...shape }),
      );
    }
  }
  return all;
}

async function startRedis(pins: Pins): Promise<Running> {
  const port = await freePort();
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = new Child([...pins.server, 'redis-server', ...options]);
  await child.shows(/ready to accept/i);
  return { child, port };
}

const redis: Contender = {
  title: 'redis-server',
  missing: async () =>
    (await outputOf(['redis-server', '--version'])) === null
      ? 'apt-get install redis-server'
      : null,
  start: startRedis,
};

const wasmpoll = (workers: number): Contender => ({
  title: `wasmpoll resp, workers: ${workers}`,
  missing: async () => null,
  start: ({ server }) => {
    const options = ['--log-level', 'error', '--listen', '127.0.0.1:0', '--workers', `${workers}`];
    return listening([...server, process.execPath, cli, ...options, 'resp']);
  },
});

// Two digits stand for a connection.
if (CONNECTIONS > 100) throw new BenchError('keys of 100 connections are told apart');

export const respSuite: Suite = {
  name: 'resp',
  unit: 'command',
  contenders: [redis, wasmpoll(1), wasmpoll(2)],
  cases: cases(),
  mostTimes: 1.3,
};
