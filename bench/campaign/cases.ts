// What is measured, and what is asked of wasmpoll in it. Latencies and throughput follow from the
// case; nothing here knows who takes part.

import type { Shape } from '../load/measure.ts';

export interface Target {
  /** Processor time of the server a message: at most so many times the reference's. */
  readonly processor: number;
  /** Messages a second: at least so many times the reference's. */
  readonly throughput: number;
}

export interface Case extends Shape {
  readonly name: string;
  readonly title: string;
  /** Another guest than echo: only the reference, as echo, and those that take a guest have it. */
  readonly guest?: 'ledger';
  readonly target?: Target;
  /** Belongs to --quick. */
  readonly quick?: boolean;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const near: Target = { processor: 1.05, throughput: 0.95 };

/** `64 B`, `16 KiB` */
export function sizeText(bytes: number): string {
  if (bytes >= MIB) return `${bytes / MIB} MiB`;
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`;
}

const echo = (
  connections: number,
  bytes: number,
  depth: number,
  rest: Partial<Case> = {},
): Case => {
  const size = sizeText(bytes);
  const deep = depth > 1 ? `, depth ${depth}` : '';
  const some = rest.active === undefined ? '' : `, ${rest.active} active`;
  return {
    name: `${connections}x${size.replaceAll(' ', '').replace('iB', '')}${depth > 1 ? `-d${depth}` : ''}`,
    title: `${connections.toLocaleString('en')} × ${size}${some}${deep}`,
    connections,
    bytes,
    depth,
    ...rest,
  };
};

export const cases: readonly Case[] = [
  echo(50, 64, 1, { target: near, quick: true }),
  echo(50, 64, 16, { target: near, quick: true }),
  echo(50, KIB, 1, { target: near }),
  echo(200, 16 * KIB, 1, { target: near, quick: true }),
  echo(8, MIB, 1, { target: near }),
  echo(1, 64, 1, { target: { processor: 1.15, throughput: 0.92 }, quick: true }),
  echo(10_000, 64, 1, { active: 100, target: { processor: 1.1, throughput: 0.92 } }),
  echo(1, 16 * KIB, 1),
  echo(200, 64, 1),
  echo(200, KIB, 16),
  echo(50, 16 * KIB, 16),
  echo(10_000, 64, 1, {
    active: 10_000,
    name: '10000x64B-all',
    title: '10,000 × 64 B, all active',
  }),
  echo(50, 64, 1, { cycle: true, name: 'cycle', title: 'connect, 64 B, close; 50 at a time' }),
  echo(50, 64, 1, { guest: 'ledger', name: 'state', title: '50 × 64 B, guest with 64 B of state' }),
];
