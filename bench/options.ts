// The bench's command line.

import { parseArgs } from 'node:util';

export interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  /** Of one window. */
  readonly seconds: number;
  /** Names of cases and contenders; null: all. */
  readonly cases: readonly string[] | null;
  readonly contenders: readonly string[] | null;
  /** Nothing is measured: the report is written from the last results. */
  readonly render: boolean;
}

/** The message is one line that says what is wrong and what is taken. */
export class UsageError extends Error {}

export const USAGE = `npm run bench -- [--quick] [--rounds N] [--seconds S] [--only CASE,…] [--contenders NAME,…] [--render]`;

const DEFAULTS = { rounds: 10, seconds: 1 };
const QUICK = { rounds: 3, seconds: 0.25 };

/** @throws UsageError */
export function parseOptions(
  args: readonly string[],
  known: { readonly cases: readonly string[]; readonly contenders: readonly string[] },
): Options {
  const { values } = parse(args);
  const quick = values.quick ?? false;
  const defaults = quick ? QUICK : DEFAULTS;
  return {
    quick,
    rounds: parseNumber('--rounds', values.rounds, defaults.rounds, {
      min: 1,
      max: 1000,
      whole: true,
    }),
    seconds: parseNumber('--seconds', values.seconds, defaults.seconds, {
      min: 0.05,
      max: 60,
      whole: false,
    }),
    cases: parseNames('--only', values.only, known.cases),
    contenders: parseNames('--contenders', values.contenders, known.contenders),
    render: values.render ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        only: { type: 'string' },
        contenders: { type: 'string' },
        render: { type: 'boolean' },
      },
    });
  } catch (error) {
    const [line] = (error as Error).message.split('. ');
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}

function parseNumber(
  flag: string,
  text: string | undefined,
  otherwise: number,
  { min, max, whole }: { min: number; max: number; whole: boolean },
): number {
  if (text === undefined) return otherwise;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`${flag} must be ${kind} from ${min} to ${max}, got '${text}'`);
}

function parseNames(
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
