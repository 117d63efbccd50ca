// Crash files: where crashes are kept, one a file, in one of two forms. It is bounded in number and in time, it writes while others are
// served, and whatever is wrong with the folder is told and disturbs nothing.

import { accessSync, constants, statSync } from 'node:fs';
import { link, lstat, open, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, WasmpollError } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import { REPEAT_MS, Repeats } from '../rate-limit.ts';
import { type Crash, crashText } from './crash.ts';
import { type RecordedCrash, recordedText } from './recorded-crash.ts';

const MOST_FILES = 10;
/** A draft that is older belongs to a process that is gone. */
const STALE_MS = 60_000;
/** They hold what users have sent. */
const MODE = 0o600;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

export interface CrashObserver {
  /** It was kept in this file. */
  kept(file: string): void;
  /** It was not, for this reason. */
  lost(why: string): void;
}

/** What a file is called, and what is in it. */
export interface Form<Kept extends Crash> {
  readonly kind: string;
  file(number: number): string;
  text(kept: Kept): string;
}

export const CRASH: Form<Crash> = {
  kind: 'crash files',
  file: (number) => `crash-${number}.json`,
  text: crashText,
};

export const RECORDING: Form<RecordedCrash> = {
  kind: 'recordings',
  file: (number) => `recording-${number}.jsonl`,
  text: recordedText,
};

export type CallFiles = CrashFiles<Crash>;
export type RecordingFiles = CrashFiles<RecordedCrash>;

export class CrashFiles<Kept extends Crash> {
  readonly #folder: string;
  readonly #form: Form<Kept>;
  readonly #observer: CrashObserver;
  readonly #repeats = new Repeats(REPEAT_MS, monotonicMs);
  readonly #losses = new Repeats(REPEAT_MS, monotonicMs);
  /** One is being written: what comes meanwhile is left out. */
  #busy = false;

  /** @throws WasmpollError ERR_OPTION when there is no such folder, or it cannot be written to */
  constructor(folder: string, form: Form<Kept>, observer: CrashObserver) {
    this.#folder = path.resolve(folder);
    this.#form = form;
    this.#observer = observer;
    checkCrashFolder(this.#folder);
  }

  /** Keeps it, unless the same was kept a moment ago. Never throws. */
  take(crash: Kept): void {
    if (this.#busy || !this.#repeats.admit(`${crash.call.callback}: ${crash.reason}`)) return;
    this.#busy = true;
    void this.#keep(crash).finally(() => {
      this.#busy = false;
    });
  }

  async #keep(crash: Kept): Promise<void> {
    try {
      let text = '';
      for (let number = 1; number <= MOST_FILES; number += 1) {
        const file = path.join(this.#folder, this.#form.file(number));
        if (await isThere(file)) continue;
        // Not before there is a place: it takes milliseconds of the thread that accepts.
        text ||= this.#form.text(crash);
        if (await write(file, text)) {
          this.#observer.kept(file);
          return;
        }
      }
      const { kind } = this.#form;
      this.#lose(`${this.#folder} has ${MOST_FILES} ${kind}; remove those that are settled`);
    } catch (error) {
      this.#lose(messageOf(error));
    }
  }

  #lose(why: string): void {
    if (this.#losses.admit(why)) this.#observer.lost(why);
  }
}

/**
 * @param option whose value it is
 * @throws WasmpollError ERR_OPTION when there is no such folder, or it cannot be written to
 */
export function checkCrashFolder(folder: string | undefined, option = 'crashFolder'): void {
  if (folder === undefined) return;
  const bad = (why: string): WasmpollError =>
    new WasmpollError('ERR_OPTION', `${option} '${folder}': ${why}`);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) throw bad('there is no such folder; make it');
  if (!found.isDirectory()) throw bad('it is no folder');
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw bad(messageOf(error));
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes a file that is there whole or not at all, and takes no other one's place.
 * @returns false when somebody else has it, or is writing it
 */
async function write(file: string, text: string): Promise<boolean> {
  const draft = `${file}.tmp`;
  const handle = await create(draft);
  if (handle === null) return false;
  try {
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return await publish(draft, file);
  } finally {
    // It may have got its name already.
    await unlink(draft).catch(() => undefined);
  }
}

/** @returns null when another process has it */
async function create(draft: string): Promise<Awaited<ReturnType<typeof open>> | null> {
  for (let tries = 2; tries > 0; tries -= 1) {
    try {
      return await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = await stat(draft).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs < STALE_MS) return null;
    await unlink(draft).catch(() => undefined);
  }
  return null;
}

/** link(2) takes no other file's place; a file system without it has rename(2). */
async function publish(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
  }
  await rename(draft, file);
  return true;
}
