// Document: the text of a config file as values, and the line on which each of them stands. It knows TOML
// and JSON, and not what may stand in the file.

import { parse, TomlError } from 'smol-toml';
import type { Where } from '../values.ts';

export interface Table {
  readonly [key: string]: unknown;
}

/** One line that says what is wrong with a file. */
export class DocumentError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export class Document {
  readonly values: Table;
  readonly #lines: ReadonlyMap<string, number>;

  /**
   * @param json what the file's ending says; TOML otherwise
   * @throws DocumentError when the text is malformed
   */
  constructor(text: string, json: boolean) {
    this.values = json ? parseJson(text) : parseToml(text);
    this.#lines = json ? jsonLines(text) : tomlLines(text);
  }

  /** The line, from 1, of the value, or of what is nearest around it. */
  lineOf(path: Where): number {
    for (let length = path.length; length > 0; length -= 1) {
      const line = this.#lines.get(keyOf(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }
}

const keyOf = (path: Where): string => JSON.stringify(path.map(String));

function parseToml(text: string): Table {
  try {
    return parse(text) as Table;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // What follows the first line is a drawing of the place.
    const [message = ''] = error.message.split('\n');
    throw new DocumentError(error.line, message.replace(/^Invalid TOML document: /, ''));
  }
}

function parseJson(text: string): Table {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const at = /at position (\d+)/.exec(message)?.[1];
    const line = at === undefined ? text.split('\n').length : lineAt(text, Number(at));
    throw new DocumentError(line, `this is not JSON: ${message.replace(/ in JSON at .*$/s, '')}`);
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new DocumentError(1, 'the file must hold an object: { "service": { … } }');
  }
  return values as Table;
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

// The text is well-formed: it was parsed. What is written in one line in braces keeps that line.
function tomlLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const counts = new Map<string, number>();
  let table: Where = [];
  let quotes = '';
  for (const [index, line] of text.split('\n').entries()) {
    if (quotes === '') {
      const header = /^\s*\[(\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$/.exec(line);
      const key =
        header === null ? /^\s*((?:"[^"]*"|'[^']*'|[\w.-]|\s)+?)\s*=/.exec(line)?.[1] : '';
      if (header !== null) table = tableOf(keysOf(header[2]!), header[1] === '[', counts);
      const path = key ? [...table, ...keysOf(key)] : table;
      if (header !== null || key) note(lines, path, index + 1);
    }
    quotes = quotesAfter(quotes, line);
  }
  return lines;
}

// A table within a list of tables is the last one's.
function tableOf(keys: readonly string[], list: boolean, counts: Map<string, number>): Where {
  const path: (string | number)[] = [];
  for (const [index, key] of keys.entries()) {
    path.push(key);
    const last = index === keys.length - 1;
    if (list && last) counts.set(keyOf(path), (counts.get(keyOf(path)) ?? -1) + 1);
    const count = counts.get(keyOf(path));
    if (count !== undefined) path.push(count);
  }
  return path;
}

function keysOf(text: string): string[] {
  const parts = text.match(/"[^"]*"|'[^']*'|[\w-]+/g) ?? [];
  return parts.map((part) => part.replace(/^(["'])(.*)\1$/, '$2'));
}

// Every key around a value has the line of the first that stands in it.
function note(lines: Map<string, number>, path: Where, line: number): void {
  for (let length = 1; length <= path.length; length += 1) {
    const key = keyOf(path.slice(0, length));
    if (!lines.has(key)) lines.set(key, line);
  }
}

/** The quotes of a text of several lines that is open after this line, or ''. */
function quotesAfter(quotes: string, line: string): string {
  let open = quotes;
  for (const [found] of line.matchAll(/"""|'''/g)) {
    if (open === '') open = found;
    else if (open === found) open = '';
  }
  return open;
}

// The text is well-formed: tokens are enough.
function jsonLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const path: (string | number)[] = [];
  let line = 1;
  let key: string | null = null;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:\n]|[^\s{}[\],:"]+/g)) {
    if (token === '\n') line += 1;
    else if (token === '{') path.push('');
    else if (token === '[') path.push(0);
    else if (token === '}' || token === ']') path.pop();
    else if (token === ',') {
      const last = path.at(-1);
      if (typeof last === 'number') path[path.length - 1] = last + 1;
    } else if (token === ':') {
      path[path.length - 1] = JSON.parse(key ?? '""') as string;
      note(lines, path, line);
    } else key = token;
    if (typeof path.at(-1) === 'number' && !/[\n\],]/.test(token)) note(lines, path, line);
  }
  return lines;
}
