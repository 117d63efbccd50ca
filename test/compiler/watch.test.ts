import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { stampOf } from '../../host/compiler/files.ts';
import { changed } from '../../host/compiler/watch.ts';
import { type Owner, temporary } from '../helpers/process.ts';

interface Watched {
  readonly file: string;
  /** What resolves when it has changed. */
  readonly change: Promise<string | null>;
  stop(): void;
}

/** A file that was read, and is watched. */
function watched(t: Owner, content: string | null = 'before'): Watched {
  const file = path.join(temporary(t), 'mine.ts');
  if (content !== null) writeFileSync(file, content);
  const stopping = new AbortController();
  const change = changed({ [file]: stampOf(file) }, stopping.signal);
  t.teardown(() => stopping.abort());
  return { file, change, stop: () => stopping.abort() };
}

test('a file that is written is told', async (t) => {
  const { file, change } = watched(t);
  writeFileSync(file, 'after');
  t.is(await change, file);
});

test('a file that another one has replaced is told, as editors save', async (t) => {
  const { file, change } = watched(t);
  writeFileSync(`${file}~`, 'after');
  renameSync(`${file}~`, file);
  t.is(await change, file);
});

test('a file that was looked for in vain is told once it is there', async (t) => {
  const { file, change } = watched(t, null);
  writeFileSync(file, 'there');
  t.is(await change, file);
});

test('a file in a folder that is made anew is told', async (t) => {
  const { file, change } = watched(t);
  rmSync(path.dirname(file), { recursive: true });
  mkdirSync(path.dirname(file));
  writeFileSync(file, 'before');
  t.is(await change, file);
});

test('what changed between reading and watching is told at once', async (t) => {
  const file = path.join(temporary(t), 'mine.ts');
  writeFileSync(file, 'before');
  const read = { [file]: stampOf(file) };
  writeFileSync(file, 'after');
  t.is(await changed(read, new AbortController().signal), file);
});

test('other files in the folder are not told', async (t) => {
  const { file, change, stop } = watched(t);
  writeFileSync(`${file}.swp`, 'an editor keeps notes');
  writeFileSync(path.join(path.dirname(file), 'other.ts'), '');
  // The directory's events have come when this file's have.
  const other = watched(t);
  writeFileSync(other.file, 'after');
  t.is(await other.change, other.file);
  stop();
  t.is(await change, null);
});
