// Advice: what an author meant by an import or an export that the host does not know, and what to use instead. It
// knows names, and leaves the judgement to the loader.

import { guestImports, optionalExports, requiredExports } from '../module/interface.ts';
import { nearest } from '../nearest.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Sources } from './places.ts';
import { adviseState } from './state-advice.ts';

export type Language = 'as' | 'rust' | 'c';

/** What is known of a module by its names. */
export interface Named {
  readonly imports: readonly { readonly module: string; readonly name: string }[];
  readonly exports: readonly { readonly name: string; readonly kind: string }[];
}

const callbacks = { ...requiredExports, ...optionalExports };

/** Names that others have for the callbacks; those that are near are found without. */
const MEANT: readonly (readonly [RegExp, string])[] = [
  [/^on(conn|connect|connected|connection|accept|accepted)$/, 'on_open'],
  [/^on(receive|received|recv|read|readable|input|bytes|packet|frame|line)$/, 'on_data'],
  [/^on(eof|fin|finish|half_?close|shutdown)$/, 'on_end'],
  [/^on(write|writable|written|flush|flushed|sent)$/, 'on_drain'],
  [/^on(timeout|alarm|wake)$/, 'on_timer'],
  [/^on(disconnect|disconnected|closed|hangup|gone)$/, 'on_close'],
  [/^on(init|load|begin|ready)$/, 'on_start'],
  [/^on(interval)$/, 'on_tick'],
  [/^on(publish|published|topic)$/, 'on_message'],
  [/^on(answer|response|result)$/, 'on_reply'],
  [/^on(swap|reload|resume|restart)$/, 'on_restore'],
  [/^(?:on)?(migrate|migration|upgrade)$/, 'migrate'],
];

/** What AssemblyScript imports for names of JavaScript, how they look in a source, and what there is instead. */
const INSTEAD: readonly {
  readonly imported: RegExp;
  readonly source: RegExp;
  readonly what: string;
  readonly use: string;
}[] = [
  {
    imported: /^env\.trace$/,
    source: /\btrace\s*\(/,
    what: 'trace()',
    use: "log(LOG_INFO, …) of 'wasmpoll/assembly/kit'",
  },
  {
    imported: /^env\.console\./,
    source: /\bconsole\s*\./,
    what: 'console',
    use: "log(LOG_INFO, …) of 'wasmpoll/assembly/kit'",
  },
  {
    imported: /^env\.(?:seed|Math\.random)$/,
    source: /\bMathf?\s*\.\s*random\b/,
    what: 'Math.random',
    use: "random of 'wasmpoll/assembly/kit'",
  },
  {
    imported: /^env\.Date\./,
    source: /\bDate\b/,
    what: 'Date.now',
    use: "wall_clock of 'wasmpoll/assembly/kit', or now to measure time",
  },
  {
    imported: /^env\.performance\./,
    source: /\bperformance\s*\./,
    what: 'performance.now',
    use: "now of 'wasmpoll/assembly/kit'",
  },
  {
    imported: /^env\.process\./,
    source: /\bprocess\s*\./,
    what: 'process',
    use: "config of 'wasmpoll/assembly/kit' for settings, and log for lines",
  },
  {
    imported: /^env\.crypto\./,
    source: /\bcrypto\s*\./,
    what: 'crypto',
    use: "random of 'wasmpoll/assembly/kit'",
  },
];

/** How a guest gets the exports that are no callbacks. */
const PRELUDE: Readonly<Record<Language, string>> = {
  as: "write export * from 'wasmpoll/assembly/guest'",
  rust: 'write wasmpoll::export!(Type) once, with mod wasmpoll of wasmpoll.rs',
  c: 'write WASMPOLL_GUEST once, after #include "wasmpoll.h"',
};

/** Errors about imports and exports that the loader refuses, and warnings about exports that nobody will call. */
export function advise(module: Named, sources: Sources, language: Language): Diagnostic[] {
  return [
    ...module.imports.flatMap((item) => ofImport(item, sources)),
    ...ofMissing(module, sources, language),
    ...module.exports.flatMap((item) => ofExport(item, module, sources)),
    ...(language === 'as' ? adviseState(module.exports, sources) : []),
    ...ofUnheard(module, sources),
  ];
}

function ofImport(
  { module, name }: Named['imports'][number],
  sources: Sources,
): readonly Diagnostic[] {
  const known = Object.hasOwn(guestImports, module) ? guestImports[module]! : {};
  if (Object.hasOwn(known, name)) return [];
  const full = `${module}.${name}`;
  const instead = INSTEAD.find(({ imported }) => imported.test(full));
  if (instead !== undefined) {
    const { source, what, use } = instead;
    return [error(sources.find(source), `a guest has no ${what}: use ${use}`)];
  }
  // A WASI program, and what it imports, has a refusal of its own.
  if (/^wasi[_:]/.test(module)) return [];
  const place = sources.find(new RegExp(`\\b${quoted(name)}\\b`));
  const meant = nearest(name, Object.keys(guestImports.wasmpoll!));
  const hint = meant === null ? 'docs/abi.md lists what there is' : `did you mean ${meant}?`;
  return [error(place, `the host has no function ${name}: ${hint}`)];
}

function ofMissing({ exports }: Named, sources: Sources, language: Language): Diagnostic[] {
  const names = new Set(exports.map(({ name }) => name));
  const missing = Object.keys(requiredExports).filter((name) => !names.has(name));
  return missing.map((name) => {
    const other = exports.find((item) => meantBy(item.name) === name)?.name;
    if (other !== undefined) {
      return error(place(sources, other), `${other} is exported: did you mean ${name}?`);
    }
    if (name === 'on_data') return error(null, 'the guest exports no on_data: it gets the bytes');
    return error(null, `the guest exports no ${name}: ${PRELUDE[language]}`);
  });
}

function ofExport(
  { name, kind }: Named['exports'][number],
  { exports }: Named,
  sources: Sources,
): readonly Diagnostic[] {
  const meant = kind === 'function' ? meantBy(name) : null;
  if (meant === null || exports.some((item) => item.name === meant)) return [];
  // That it is missing is an error, which says the same.
  if (Object.hasOwn(requiredExports, meant)) return [];
  const message = `the host never calls ${name}: did you mean ${meant}?`;
  return [{ severity: 'warning', place: place(sources, name), message }];
}

/** Other functions of the host whose callbacks are missing the loader refuses. */
function ofUnheard({ imports, exports }: Named, sources: Sources): readonly Diagnostic[] {
  const joins = imports.some(({ module, name }) => module === 'wasmpoll' && name === 'join');
  if (!joins) return [];
  const heard = ({ name }: { name: string }): boolean =>
    name === 'on_message' || meantBy(name) === 'on_message';
  if (exports.some(heard)) return [];
  const message = 'join is called, but the guest exports no on_message: messages are lost';
  return [{ severity: 'warning', place: sources.find(/\bjoin\s*\(/), message }];
}

/** The callback that an export of this name was meant to be; null if it is one, or none. */
function meantBy(name: string): string | null {
  if (Object.hasOwn(callbacks, name)) return null;
  const folded = name.toLowerCase().replaceAll(/[-_]/g, '');
  const other = MEANT.find(([pattern]) => pattern.test(folded))?.[1];
  if (other !== undefined) return other;
  // "onward" is near to nothing; what begins otherwise must be a callback in all but case and underscores.
  const near = nearest(name, Object.keys(callbacks));
  if (near === null || folded.startsWith('on')) return near;
  return near.replaceAll('_', '') === folded ? near : null;
}

const place = (sources: Sources, name: string): string | null =>
  sources.find(new RegExp(`\\b${quoted(name)}\\b`));

const quoted = (name: string): string => name.replaceAll(/[^\w]/g, '\\$&');

const error = (at: string | null, message: string): Diagnostic => ({
  severity: 'error',
  place: at,
  message,
});
