// The command lines of the bench and of its like.

import { parseArgs } from 'node:util';

/** How long. */
export interface Extent {
  readonly rounds: number;
  /** Of one window. */
  readonly seconds: number;
}

export interface Options extends Extent {
  readonly quick: boolean;
  /** Names of cases and contenders; null: all. */
  readonly cases: readonly string[] | null;
  readonly contenders: readonly string[] | null;
  /** Nothing is measured: the report is written from the last results. */
  readonly render: boolean;
}

export interface GrowthOptions extends Extent {
  /** Names of what grows; null: all. */
  readonly parts: readonly string[] | null;
}

export interface TlsOptions {
  readonly rounds: number;
  /** Null: all. */
  readonly contenders: readonly string[] | null;
  /** A flood of handshakes is measured, and nothing else. */
  readonly flood: boolean;
}

export interface ProtocolOptions {
  readonly rounds: number;
  /** Names of suites; null: all. */
  readonly only: readonly string[] | null;
}

export interface HostCostOptions {
  readonly rounds: number;
  /** Of one round. */
  readonly messages: number;
  /** Folders of other builds. */
  readonly against: readonly string[];
}

/** The message is one line that says what is wrong and what is taken. */
export class UsageError extends Error {}

const EXTENT = { rounds: { type: 'string' }, seconds: { type: 'string' } } as const;
const ALL = {
  ...EXTENT,
  quick: { type: 'boolean' },
  only: { type: 'string' },
  contenders: { type: 'string' },
  render: { type: 'boolean' },
} as const;

const SOME = { ...EXTENT, only: { type: 'string' } } as const;

const HOST_COST = {
  rounds: { type: 'string' },
  messages: { type: 'string' },
  against: { type: 'string', multiple: true },
} as const;

const TLS = {
  rounds: { type: 'string' },
  contenders: { type: 'string' },
  flood: { type: 'boolean' },
} as const;

const PROTOCOLS = { rounds: { type: 'string' }, only: { type: 'string' } } as const;

const OUTBOUND = { ...EXTENT, contenders: { type: 'string' } } as const;

const ROUNDS = { rounds: { type: 'string' } } as const;

const FULL: Extent = { rounds: 15, seconds: 0.6 };
const QUICK: Extent = { rounds: 3, seconds: 0.25 };
const GROWTH: Extent = { rounds: 5, seconds: 0.5 };
const TLS_ROUNDS = 7;
const OUTBOUND_EXTENT: Extent = { rounds: 7, seconds: 0.4 };
const SHARED_ROUNDS = 15;
const PROTOCOL_ROUNDS = 9;
// A build's turn takes some 5 ms, so that all of them meet the same machine in a round.
const RULER = { rounds: 200, messages: 30_000 };

/** @throws UsageError */
export function parseOptions(
  args: readonly string[],
  known: { readonly cases: readonly string[]; readonly contenders: readonly string[] },
): Options {
  const { values } = explained(() => parseArgs({ args: [...args], options: ALL }), ALL);
  const quick = values.quick ?? false;
  return {
    ...extentOf(values, quick ? QUICK : FULL),
    quick,
    cases: namesOf('--only', values.only, known.cases),
    contenders: namesOf('--contenders', values.contenders, known.contenders),
    render: values.render ?? false,
  };
}

/** @throws UsageError */
export function parseGrowthOptions(
  args: readonly string[],
  known: readonly string[],
): GrowthOptions {
  const { values } = explained(() => parseArgs({ args: [...args], options: SOME }), SOME);
  return { ...extentOf(values, GROWTH), parts: namesOf('--only', values.only, known) };
}

/** @throws UsageError */
export function parseHostCostOptions(args: readonly string[]): HostCostOptions {
  const { values } = explained(() => parseArgs({ args: [...args], options: HOST_COST }), HOST_COST);
  const messages = { min: 1000, max: 10_000_000, whole: true };
  return {
    rounds: roundsOf(values.rounds, RULER.rounds),
    messages: numberOf('--messages', values.messages, RULER.messages, messages),
    against: values.against ?? [],
  };
}

/** @throws UsageError */
export function parseTlsOptions(args: readonly string[], known: readonly string[]): TlsOptions {
  const { values } = explained(() => parseArgs({ args: [...args], options: TLS }), TLS);
  return {
    rounds: roundsOf(values.rounds, TLS_ROUNDS),
    contenders: namesOf('--contenders', values.contenders, known),
    flood: values.flood ?? false,
  };
}

/** @throws UsageError */
export function parseProtocolOptions(
  args: readonly string[],
  known: readonly string[],
): ProtocolOptions {
  const { values } = explained(() => parseArgs({ args: [...args], options: PROTOCOLS }), PROTOCOLS);
  return {
    rounds: roundsOf(values.rounds, PROTOCOL_ROUNDS),
    only: namesOf('--only', values.only, known),
  };
}

/** @throws UsageError */
export function parseOutboundOptions(
  args: readonly string[],
  known: readonly string[],
): Extent & Pick<TlsOptions, 'contenders'> {
  const { values } = explained(() => parseArgs({ args: [...args], options: OUTBOUND }), OUTBOUND);
  return {
    ...extentOf(values, OUTBOUND_EXTENT),
    contenders: namesOf('--contenders', values.contenders, known),
  };
}

/** @throws UsageError */
export function parseSharedOptions(args: readonly string[]): { readonly rounds: number } {
  const { values } = explained(() => parseArgs({ args: [...args], options: ROUNDS }), ROUNDS);
  return { rounds: roundsOf(values.rounds, SHARED_ROUNDS) };
}

function explained<T>(parse: () => T, options: object): T {
  try {
    return parse();
  } catch (error) {
    const [line] = (error as Error).message.split('. ');
    const flags = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`${line}; there are ${flags.join(', ')}`);
  }
}

type Texts = { readonly [name in keyof Extent]?: string | undefined };

const extentOf = (texts: Texts, otherwise: Extent): Extent => ({
  rounds: roundsOf(texts.rounds, otherwise.rounds),
  seconds: numberOf('--seconds', texts.seconds, otherwise.seconds, { min: 0.05, max: 60 }),
});

const roundsOf = (text: string | undefined, otherwise: number): number =>
  numberOf('--rounds', text, otherwise, { min: 1, max: 1000, whole: true });

function numberOf(
  flag: string,
  text: string | undefined,
  otherwise: number,
  { min, max, whole = false }: { min: number; max: number; whole?: boolean },
): number {
  if (text === undefined) return otherwise;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`${flag} must be ${kind} from ${min} to ${max}, got '${text}'`);
}

function namesOf(
  flag: string,
  text: string | undefined,
  known: readonly string[],
): string[] | null {
  if (text === undefined) return null;
  const names = text.split(',');
  const stranger = names.find((name) => !known.includes(name));
  if (stranger === undefined) return names;
  throw new UsageError(`${flag}: there is no '${stranger}'; there are ${known.join(', ')}`);
}
