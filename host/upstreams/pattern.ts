// Pattern: hosts of which the guest names one: `*.example.com:443`. It reads the operator's text and the guest's, and
// runs in any thread and in a page.

import type { PatternFacts } from './contract.ts';
import { type Host, readHost } from './host-name.ts';

/** With an empty suffix the host may be an address as well. */
export type Pattern = PatternFacts;

/** A host and a port that the guest may name. */
export interface Named {
  readonly host: Host;
  readonly port: number;
}

/** @returns a pattern, or what is wrong with it */
export function readPattern(text: string): Pattern | string {
  const [, star, suffix = '', port = ''] = /^(\*?)((?:\.[^:]*)?):([^:]*)$/.exec(text) ?? [];
  if (star !== '*') {
    return 'must be *.DOMAIN:PORT, *:PORT, or with * for the port; a single host is one of targets';
  }
  if (suffix !== '' && readHost(suffix.slice(1))?.kind !== 'name') {
    return `'${suffix.slice(1)}' must be a domain such as example.com`;
  }
  const number = port === '*' ? null : portOf(port);
  if (number === undefined) return 'the port must be a number from 1 to 65535, or *';
  return { suffix: suffix.toLowerCase(), port: number };
}

/**
 * Reads what the guest adds: `HOST`, or `HOST:PORT` where the pattern leaves the port open.
 * @returns null if it is not written so, or none of the patterns allows it
 */
export function match(patterns: readonly Pattern[], text: string): Named | null {
  const [, before = '', after] = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/s.exec(text) ?? [];
  const host = readHost(before);
  const port = after === undefined ? null : portOf(after);
  if (host === null || port === undefined) return null;
  for (const pattern of patterns) {
    // A port that is fixed is not repeated, so that there is one way to write it.
    if ((pattern.port === null) === (port === null) || !isUnder(pattern, host)) continue;
    return { host, port: (pattern.port ?? port)! };
  }
  return null;
}

// One label or more stand for the star.
const isUnder = ({ suffix }: Pattern, { kind, name }: Host): boolean =>
  suffix === '' || (kind === 'name' && name.length > suffix.length && name.endsWith(suffix));

/** 1 to 65535 without a zero in front. */
function portOf(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port > 0 && port <= 65_535 ? port : undefined;
}
