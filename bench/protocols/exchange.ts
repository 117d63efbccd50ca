// A case in which connections ask and are answered: bench/load/exchange.c is its load.

import { BenchError, Child } from '../load/child.ts';
import { compileC } from '../load/compile.ts';
import type { Case, Pins, Running, Sample } from './suite.ts';

export const CONNECTIONS = 50;

export interface Exchange {
  readonly title: string;
  /** Digits `?` stand for the connection's number. */
  readonly request: string;
  readonly answer: string;
  /** Requests in flight on each connection. */
  readonly depth: number;
  readonly seconds: number;
  readonly warmup: number;
}

interface Told {
  readonly requests: number;
  readonly windowNs: number;
  readonly serverNs: number;
}

const TRIES = 3;

export function exchangeCase(exchange: Exchange): Case {
  const { title } = exchange;
  return { title, measure: (running, pins) => measure(exchange, running, pins) };
}

async function measure(exchange: Exchange, running: Running, pins: Pins): Promise<Sample> {
  const { request, answer, depth, seconds, warmup } = exchange;
  const program = await compileC('load/exchange');
  const options = {
    to: `127.0.0.1:${running.port}`,
    pid: running.child.pid,
    connections: CONNECTIONS,
    depth,
    seconds,
    warmup,
  };
  const words = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  // On a busy machine a server may not get to run in a short window at all.
  for (let tries = 0; tries < TRIES; tries += 1) {
    const child = new Child([...pins.load, program, ...words]);
    child.say(Buffer.from(request, 'latin1').toString('hex'));
    child.say(Buffer.from(answer, 'latin1').toString('hex'));
    const told = JSON.parse(await child.result()) as Told;
    if (told.requests === 0) continue;
    return {
      processorNs: told.serverNs / told.requests,
      rate: (told.requests / told.windowNs) * 1e9,
    };
  }
  throw new BenchError(`${exchange.title}: no answer within ${seconds} s, ${TRIES} times`);
}
