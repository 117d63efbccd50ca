// The child process in which asc compiles, one build after the other: the compiler's memory grows, and a build
// holds up whoever waits for it. It is told where asc lies, and answers each request in turn.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../errors.ts';
import type { Answer, Request } from './asc.ts';
import { stampOf } from './files.ts';

/** The part of asc that is used (assemblyscript.org/compiler.html#programmatic-usage). */
interface Asc {
  main(
    args: readonly string[],
    environment: {
      readonly stdout: { write(text: string): void };
      readonly stderr: { write(text: string): void };
      readFile(name: string, folder: string): string | null;
      writeFile(name: string, contents: string | Uint8Array): void;
      listFiles(name: string, folder: string): string[] | null;
    },
  ): Promise<{ readonly error: Error | null }>;
}

const [compiler] = process.argv.slice(2) as [string];
const { default: asc } = (await import(pathToFileURL(compiler).href)) as { default: Asc };

// A terminal's ^C reaches the whole group; whoever has started this ends it.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
let before = Promise.resolve();
process.on('message', (request: Request) => {
  before = before.then(async () => {
    const answer = await compile(request);
    if (process.connected) process.send?.(answer);
  });
});

async function compile({ number, folder, args, output }: Request): Promise<Answer> {
  process.chdir(folder);
  const files: Record<string, string> = {};
  const written: Record<string, string | Uint8Array> = {};
  let text = '';
  const stderr = {
    write(more: string): void {
      text += more;
    },
  };
  try {
    // Without it what asc says is in colours where the environment has CI, wherever it is written.
    const { error } = await asc.main([...args, '--noColors', '--outFile', output], {
      stdout: stderr,
      stderr,
      readFile: (name, base) => read(path.resolve(base, name), files),
      writeFile: (name, contents) => {
        written[name] = contents;
      },
      listFiles: (name, base) => list(path.resolve(base, name)),
    });
    const failure = error === null ? null : messageOf(error);
    return answerOf(failure);
  } catch (thrown) {
    return answerOf(messageOf(thrown));
  }

  function answerOf(failure: string | null): Answer {
    const [wasm, map] = [written[output], written[`${output}.map`]];
    return {
      number,
      text,
      files,
      failure,
      wasm: failure === null && wasm instanceof Uint8Array ? wasm : null,
      map: typeof map === 'string' ? map : null,
      memoryBytes: process.memoryUsage.rss(),
    };
  }
}

function read(file: string, files: Record<string, string>): string | null {
  // asc looks for a file at several places, and for one at the same place more than once.
  files[file] ??= stampOf(file);
  if (files[file] === '') return null;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // A folder, for instance: asc then looks elsewhere, and says what it has not found.
    return null;
  }
}

function list(folder: string): string[] | null {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
  } catch {
    return null;
  }
}
