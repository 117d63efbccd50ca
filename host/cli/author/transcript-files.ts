// Transcript files: reads the transcripts that a command was given, with the configuration that each names. It plays
// none.

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, WasmpollError } from '../../errors.ts';
import { parseTranscript } from '../../transcripts/parse.ts';
import type { Transcript } from '../../transcripts/transcript.ts';
import { type ConfigFlags, readConfig } from '../config-file.ts';
import type { Task } from './play-messages.ts';

/** Where a project has its transcripts. */
export const FOLDER = 'test';
const ENDING = '.txt';

/**
 * Reads all of them, those of the project if none is named.
 * @param folder of the project
 * @param given configuration that comes before what the transcripts say
 * @throws WasmpollError ERR_CONFIG with a line for each mistake; ERR_OPTION when there is none
 */
export async function readTasks(
  files: readonly string[],
  folder: string,
  given: ConfigFlags,
): Promise<Task[]> {
  const mistakes: string[] = [];
  const tasks: Task[] = [];
  for (const file of files.length > 0 ? files : await filesOf(folder)) {
    try {
      const transcript = parseTranscript(await read(file), file);
      tasks.push({ transcript, config: await configOf(transcript, given) });
    } catch (error) {
      if (!(error instanceof WasmpollError)) throw error;
      mistakes.push(error.message);
    }
  }
  if (mistakes.length > 0) throw new WasmpollError('ERR_CONFIG', mistakes.join('\n'));
  return tasks;
}

async function filesOf(project: string): Promise<string[]> {
  const folder = path.relative('', path.join(project, FOLDER));
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith(ENDING)).sort();
  if (files.length > 0) return files.map((name) => path.join(folder, name));
  const advice = `give the path of one, or write ${FOLDER}/NAME${ENDING}`;
  throw new WasmpollError('ERR_OPTION', `there are no transcripts here; ${advice}`);
}

async function read(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : messageOf(error);
    throw new WasmpollError('ERR_CONFIG', `${file}: ${why}`, { cause: error });
  }
}

// A file that the command line names takes the place of all that the transcript says.
function configOf(
  transcript: Transcript,
  { configFile, set = [] }: ConfigFlags,
): Promise<Uint8Array> {
  if (configFile !== undefined) return readConfig({ configFile, set });
  const { name, config, configFile: own } = transcript;
  const lines = config === null ? [] : config.split('\n').slice(0, -1);
  if (own === null) return readConfig({ set: [...lines, ...set] });
  const file = path.resolve(path.dirname(name), own.path);
  return readConfig({ configFile: file, set: [...lines, ...set] }).catch((error) => {
    const message = messageOf(error).replace(/^--/, '');
    throw new WasmpollError('ERR_CONFIG', `${name}:${own.line}: ${message}`, { cause: error });
  });
}
