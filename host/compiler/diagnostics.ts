// Diagnostics: what compilers say, as one line for each mistake. It knows how asc, rustc and clang write, and
// starts none of them.

import path from 'node:path';
import { printable } from '../text.ts';

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** `src/mine.ts:5:35`, or null if it belongs to no place. */
  readonly place: string | null;
  readonly message: string;
}

/** `src/mine.ts:5:35: warning: …`, as editors and terminals find their way by. */
export function lineOf({ severity, place, message }: Diagnostic): string {
  const kind = severity === 'warning' ? 'warning: ' : '';
  return printable(`${place === null ? '' : `${place}: `}${kind}${message}`);
}

// "ERROR TS2322: Type …", and further down " └─ in src/mine.ts(5,35)". PEDANTIC and INFO are asked for only.
const ASC_HEAD = /^(ERROR|WARNING) \w+: (.*)$/;
const ASC_PLACE = /^ *└─ in (.+)\((\d+),(\d+)\)$/;

// "1 │ import { type Connection } from …", as editors write it, or a line of such a list.
const TYPED = /^ *\d+ │ (?:import\b[^}]*[{,]|[\w$ ,]*?) *\btype +[\w$]/;
const EXPECTED = "'}' expected.";
const ADVICE = ' AssemblyScript has no `type` in imports: leave it out';

/** What asc has written to standard error. A message may be followed by a second place; the first one counts. */
export function readAsc(text: string): Diagnostic[] {
  const found: { severity: Diagnostic['severity']; place: string | null; message: string }[] = [];
  for (const line of text.split('\n')) {
    const head = ASC_HEAD.exec(line);
    if (head !== null) {
      const severity = head[1] === 'WARNING' ? 'warning' : 'error';
      found.push({ severity, place: null, message: head[2]! });
      continue;
    }
    const typed = found.length > 0 && TYPED.test(line);
    if (typed && found.at(-1)!.message === EXPECTED) found.at(-1)!.message += ADVICE;
    const place = ASC_PLACE.exec(line);
    const last = found.at(-1);
    if (place === null || last === undefined) continue;
    last.place ??= `${place[1]}:${place[2]}:${place[3]}`;
  }
  return found;
}

// "src/mine.rs:3:5: error[E0425]: cannot find …", "src/mine.c:3:5: warning: unused …"
const SHORT = /^(\S.*?):(\d+):(\d+): (?:fatal )?(error|warning)(?:\[\w+\])?: (.*)$/;
// "error: …" of a compiler, "wasm-ld: error: …" of a linker.
const BARE = /^(?:[\w.-]+: )?(error|warning)(?:\[\w+\])?: (.*)$/;
// They only count what has been said.
const COUNTS = /^(?:aborting due to|linker command failed|could not compile|\d+ warnings? emitted)/;

/** What rustc with `--error-format=short`, or clang without carets, has written to standard error. */
export function readShort(text: string): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const line of text.split('\n')) {
    const [, file, row, column, severity, message] = SHORT.exec(line) ?? bare(line);
    if (message === undefined || COUNTS.test(message)) continue;
    const place = file === undefined ? null : `${file}:${row}:${column}`;
    found.push({ severity: severity as Diagnostic['severity'], place, message });
  }
  return found;
}

function bare(line: string): (string | undefined)[] {
  const match = BARE.exec(line);
  return match === null ? [] : [line, undefined, undefined, undefined, match[1], match[2]];
}

/** The same, with a place that is found from another folder than the one in which the compiler ran. */
export function seenFrom(here: string, folder: string, diagnostic: Diagnostic): Diagnostic {
  const { place } = diagnostic;
  // "~lib/…" is inside of the compiler.
  if (place === null || place.startsWith('~')) return diagnostic;
  const [file, ...rest] = splitPlace(place);
  const seen = path.relative(here, path.resolve(folder, file!));
  return { ...diagnostic, place: [seen, ...rest].join(':') };
}

function splitPlace(place: string): string[] {
  const match = /^(.*?)((?::\d+)*)$/.exec(place)!;
  return [match[1]!, ...match[2]!.split(':').slice(1)];
}
