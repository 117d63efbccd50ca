// Parse: reads a transcript, and finds all that is wrong with it. It plays nothing, and reads no file.

import { WasmpollError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { checkSetting, type Policy, type SettingName, settings } from '../policy.ts';
import { FORMS, readValue, showValue } from '../units.ts';
import { meaningOf } from './lines.ts';
import { Mistake } from './mistake.ts';
import type { Step, Transcript } from './transcript.ts';
import { readUpstream } from './upstream-lines.ts';
import { uncommented } from './words.ts';

const NEWLINES: Readonly<Record<string, string>> = { lf: '\n', crlf: '\r\n' };
const HEADS = /^(newline|config|config-file|setting|upstream)(?:[ \t]+(.*))?$/;

/**
 * Reads the text of a transcript.
 * @param name its path, for messages
 * @throws WasmpollError ERR_CONFIG: a line for each mistake, `name:line: what is wrong; what to write`
 */
export function parseTranscript(text: string, name: string): Transcript {
  const reading = new Reading();
  const mistakes: string[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    try {
      reading.take(line, index + 1);
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      mistakes.push(`${name}:${index + 1}: ${error.message}`);
    }
  }
  if (mistakes.length > 0) throw new WasmpollError('ERR_CONFIG', mistakes.join('\n'));
  if (reading.steps.length === 0) {
    const advice = 'write > before what the client sends, and < before what must come';
    throw new WasmpollError('ERR_CONFIG', `${name}:1: nothing happens in it; ${advice}`);
  }
  const { steps, config, configFile, policy, upstreams } = reading;
  return { name, steps, config, configFile, policy, upstreams };
}

class Reading {
  readonly steps: Step[] = [];
  config: string | null = null;
  configFile: Transcript['configFile'] = null;
  readonly policy: { [name in SettingName]?: number } & Partial<Policy> = {};
  readonly upstreams: { [name: string]: Transcript['upstreams'][string] } = {};
  #newline = '\n';

  /** @throws Mistake */
  take(text: string, line: number): void {
    if (/^\s*(?:#|$)/.test(text)) return;
    const head = HEADS.exec(text);
    if (head === null) this.steps.push({ line, ...meaningOf(text, this.#newline, this.upstreams) });
    else this.#head(head[1]!, head[2] ?? '', line);
  }

  #head(word: string, rest: string, line: number): void {
    if (this.steps.length > 0) {
      throw new Mistake(`${word} stands above all that happens; move it up`);
    }
    if (word === 'config') this.config = `${this.config ?? ''}${rest}\n`;
    else if (word === 'config-file') this.#file(rest.trim(), line);
    else if (word === 'setting') this.#setting(uncommented(rest));
    else if (word === 'upstream') this.#upstream(uncommented(rest));
    else this.#lineEnd(uncommented(rest));
  }

  #lineEnd(word: string): void {
    const newline = NEWLINES[word];
    if (newline === undefined) throw new Mistake('write newline lf or newline crlf');
    this.#newline = newline;
  }

  #upstream(text: string): void {
    const [name, options] = readUpstream(text);
    if (Object.hasOwn(this.upstreams, name)) throw new Mistake(`upstream ${name} is there already`);
    this.upstreams[name] = options;
  }

  #file(path: string, line: number): void {
    if (path === '') throw new Mistake('behind config-file stands a path, seen from this file');
    if (this.configFile !== null) throw new Mistake('one config-file is all that there can be');
    this.configFile = { path, line };
  }

  #setting(text: string): void {
    const [name = '', value = ''] = text.split(/\s+/);
    if (!Object.hasOwn(settings, name)) {
      const meant = settingMeant(name);
      const advice = meant === null ? 'docs/settings.md has all' : `write ${meant}`;
      throw new Mistake(`'${name}' is no setting; ${advice}`);
    }
    const setting = name as SettingName;
    const { unit, min, max } = settings[setting];
    try {
      this.policy[setting] = checkSetting(setting, readValue(value, unit));
    } catch {
      const range = `from ${showValue(min, unit)} to ${showValue(max, unit)}`;
      throw new Mistake(`behind ${name} stands ${FORMS[unit]}, ${range}; got '${value}'`);
    }
  }
}

/** Flags leave out the unit at the end, and so may whoever writes a setting. */
function settingMeant(name: string): string | null {
  const names = Object.keys(settings);
  const bare = names.map((setting) => setting.replace(/(?:Bytes|Ms)$/, ''));
  const near = nearest(name, bare);
  return nearest(name, names) ?? (near === null ? null : names[bare.indexOf(near)]!);
}
