// What the command lines of both kinds of guest have in common: flags for settings, and one line for what
// is wrong. It knows neither server nor run.

import { readFileSync, writeSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { parseStore, parseTopics } from '../engines/address.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import { parseAddress } from '../listen/address.ts';
import { type SettingName, settings } from '../policy.ts';
import { LEVELS } from '../server/logger.ts';
import { printable } from '../text.ts';
import { showValue } from '../units.ts';
import { parseUpstreams } from '../upstreams/spec/read.ts';
import type { Upstreams } from '../upstreams/spec/spec.ts';
import { flagOf, PLACEHOLDERS, parseSetting } from './flags.ts';

export const FAILED = 1;
export const USAGE = 2;

/** A command whose mistakes are thrown, and not written. */
export function makeCommand(name: string): Command {
  const { version } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  return new Command(name)
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
}

/**
 * `--listen`, as often as wanted.
 * @param forms what an address may be, and what it is without the flag
 * @param parse throws when it is none
 */
export function addListen(
  command: Command,
  forms: string,
  parse: (text: string) => unknown,
): Command {
  return command.option('--listen <ADDRESS>', forms, (text: string, before: string[] = []) => {
    parse(text);
    return [...before, text];
  });
}

/** `--store`, `--topics` and `--upstream`: what lies beyond the process. */
export function addEngines(command: Command): void {
  command
    .option(
      '--store <ADDRESS>',
      'where keys are kept: redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// for TLS, or ' +
        'sqlite:PATH (default: in this process)',
      (text: string) => {
        parseStore(text, '--store');
        return text;
      },
    )
    .option(
      '--topics <ADDRESS>',
      'what carries messages to other processes: redis:// as for --store, or ' +
        'nats://[USER:PASSWORD@]HOST[:PORT] (default: nothing)',
      (text: string) => {
        parseTopics(text, '--topics');
        return text;
      },
    )
    .option(
      '--upstream <NAME=TARGET>',
      'where the guest may connect to by that name: HOST:PORT, unix:PATH, several with commas, or a pattern such ' +
        'as *.example.com:443; behind it ?max=100, &connectTimeout=5s, &proxy=v2, ' +
        '&allowPrivate=true; repeatable (default: nowhere)',
      parseUpstreamFlag,
    );
}

/** @throws WasmpollError ERR_OPTION */
function parseUpstreamFlag(text: string, before: Upstreams = {}): Upstreams {
  const [, name = '', target = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const bad = (why: string): WasmpollError => new WasmpollError('ERR_OPTION', `--upstream ${why}`);
  if (name === '') throw bad(`must be NAME=TARGET, got '${text}'`);
  if (Object.hasOwn(before, name)) throw bad(`${name} is given twice; several targets have commas`);
  parseUpstreams({ [name]: target }, '--upstream');
  return { ...before, [name]: target };
}

/** `--admin` and `--admin-allow-remote`: where operators ask. */
export function addAdmin(command: Command): void {
  command
    .option(
      '--admin <ADDRESS>',
      'answers operators over HTTP: unix:PATH, or HOST:PORT of this machine; repeatable (default: off)',
      (text: string, before: string[] = []) => {
        parseAddress(text);
        return [...before, text];
      },
    )
    .option('--admin-allow-remote', 'let --admin be an address that other machines can reach');
}

/** `--log-level` and what else is said of lines of the log. */
export function addLogs(command: Command, level: string | undefined): void {
  const levels = new Option('--log-level <LEVEL>', 'debug shows each client, without its data');
  command
    .addOption(level === undefined ? levels.choices(LEVELS) : levels.choices(LEVELS).default(level))
    .addOption(
      new Option(
        '--log-format <FORMAT>',
        'of the lines on standard error (default: pretty at a terminal, json elsewhere)',
      ).choices(['pretty', 'json']),
    )
    .option('--log-data', 'show each client, and what it sends, as lines of the level info')
    .option(
      '--access-log <FILE>',
      'one line of JSON for each connection that is over; - is standard output. SIGUSR1 and SIGHUP ' +
        'open the file anew (default: none)',
    );
}

/** One flag for each setting; `defaultOf` is what --help shows. */
export function addSettings(
  command: Command,
  names: readonly SettingName[],
  defaultOf = (name: SettingName): number => settings[name].default,
): void {
  for (const name of names) {
    const { unit, min, max, why } = settings[name];
    const range = `${showValue(min, unit)} to ${showValue(max, unit)}`;
    command.option(
      `${flagOf(name)} <${PLACEHOLDERS[unit]}>`,
      `${why} (${range}; default: ${showValue(defaultOf(name), unit)})`,
      (text: string) => parseSetting(name, text),
    );
  }
}

/** Only what is meant to be repeated may be: the last one winning would hide a slip of the first. */
export function refuseRepetition(command: Command, repeatable: readonly string[]): void {
  const given = new Set<string>();
  for (const option of command.options) {
    const name = option.name();
    if (repeatable.includes(name)) continue;
    command.on(`option:${name}`, () => {
      if (given.has(name)) {
        throw new WasmpollError('ERR_OPTION', `--${name} can be given only once`);
      }
      given.add(name);
    });
  }
}

/**
 * A flag of another command, which --help leaves out here.
 * @param why it is not there, and what to do instead
 */
export function addAbsent(command: Command, flag: string, why: string): Command {
  const absent = new Option(flag).hideHelp().argParser(() => {
    throw new WasmpollError('ERR_OPTION', why);
  });
  return command.addOption(absent);
}

/** A thread does not start in a folder that was deleted. */
export function leaveMissingFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    process.chdir('/');
  }
}

/** One line on standard error, written at once: the process is about to end. */
export const complain = (message: string): void => report(`wasmpoll: ${printable(message)}`);

/** One line on standard error. */
export function report(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch (error) {
    // Nobody is there to read it; the exit status still tells.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

/** Wrong usage, or what --help and --version end with. */
export function refuse(error: unknown): void {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const why = messageOf(error)
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  complain(`${why}; see --help`);
  process.exitCode = USAGE;
}
