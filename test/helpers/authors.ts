// Authors: a new project, as `wasmpoll new` writes it, with this checkout and its compiler in the place of what npm
// would install, and `wasmpoll dev` in it.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { createProject, type ProjectLanguage } from '../../host/projects/create.ts';
import { root } from './documents.ts';
import {
  type LogOwner,
  type Owner,
  type Running,
  runCli,
  shell,
  startCli,
  temporary,
} from './process.ts';

const ENDINGS = { as: 'ts', rust: 'rs', c: 'c' };

export class Author {
  readonly folder: string;
  /** From the project's folder: `src/redis.ts`. */
  readonly source: string;
  /** As `wasmpoll new` has written it. */
  readonly text: string;

  private constructor(folder: string, source: string) {
    this.folder = folder;
    this.source = source;
    this.text = readFileSync(path.join(folder, source), 'utf8');
  }

  static async start(owner: Owner, language: ProjectLanguage = 'as'): Promise<Author> {
    const here = temporary(owner);
    await createProject('redis', language, here);
    const folder = path.join(here, 'redis');
    const packages = path.join(folder, 'node_modules');
    mkdirSync(packages);
    symlinkSync(root, path.join(packages, 'wasmpoll'));
    if (language === 'as') {
      symlinkSync(
        path.join(root, 'node_modules/assemblyscript'),
        path.join(packages, 'assemblyscript'),
      );
    }
    return new Author(folder, `src/redis.${ENDINGS[language]}`);
  }

  /** Writes the source. */
  save(text: string): void {
    writeFileSync(path.join(this.folder, this.source), text);
  }

  /** Saves what was there first, with the first of these in the place of the second. */
  change(from: string | RegExp, to: string): string {
    const changed = this.text.replace(from, to);
    if (changed === this.text) throw new Error(`${this.source} has no ${from}`);
    this.save(changed);
    return changed;
  }

  /** Runs the command line in the project's folder. */
  run(...args: string[]): ReturnType<typeof runCli> {
    return runCli(args, { cwd: this.folder });
  }

  /**
   * Runs `wasmpoll dev` until the test ends. Killed, it leaves temporary files: they lie in a folder of the test's.
   * @param options `variables`: of the environment, beside those there are
   */
  dev(
    owner: Owner,
    options: {
      args?: readonly string[];
      listens?: boolean;
      variables?: Readonly<Record<string, string>>;
      prefix?: readonly string[];
    } = {},
  ): Promise<Running> {
    const { args = [], listens = true, variables, prefix = [] } = options;
    const own = { TMPDIR: temporary(owner), ...variables };
    return startCli(owner, ['dev', ...args, '--listen', '127.0.0.1:0'], {
      ...{ cwd: this.folder, lines: listens ? 1 : 0, prefix },
      env: { ...(process.env as Record<string, string>), ...own },
    });
  }
}

/** A terminal for `prefix`, whose Enter can be pressed. */
export function keyboard(owner: Owner): { readonly prefix: readonly string[]; enter(): void } {
  const fifo = path.join(temporary(owner), 'keys');
  execFileSync('mkfifo', [fifo]);
  // Both directions: opening it for one would wait for the other.
  const keys = openSync(fifo, constants.O_RDWR);
  owner.teardown(() => closeSync(keys));
  return { prefix: shell(`<${fifo}`), enter: () => void writeSync(keys, '\n') };
}

/** The processes that were started by this one and live. */
export function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

/** Whether there is a compiler for the language; if not, the test says so. */
export function hasCompiler(t: LogOwner, language: ProjectLanguage): boolean {
  if (language === 'as') return true;
  const probes = {
    rust: 'for r in rustc /usr/bin/rustc; do d="$($r --print target-libdir --target wasm32-unknown-unknown)" && test -d "$d" && exit; done; exit 1',
    c: 'echo "int f(void) { return 0; }" | clang --target=wasm32 -nostdlib -Wl,--no-entry -x c - -o /dev/null',
  };
  if (spawnSync('sh', ['-c', probes[language]]).status === 0) return true;
  t.log(`skipped: no compiler for ${language} is installed`);
  t.pass();
  return false;
}
