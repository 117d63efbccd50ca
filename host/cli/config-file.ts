// Config file: what the command line gives a guest as its configuration: the bytes of a file, and lines of
// its own behind them. It does not know what either of them says.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { checkConfigSize, configBytes } from '../config.ts';
import { messageOf, WasmpollError } from '../errors.ts';

export interface ConfigFlags {
  /** The path of the file, if there is one. */
  configFile?: string;
  /** Lines in the form KEY=VALUE, in the order in which they were given. */
  set?: readonly string[];
}

// A key that every format of lines has; a value that ends with its line.
const LINE = /^[A-Za-z_][\w.-]*=[^\p{Cc}]*$/u;

/** For commander: one more `--set`. @throws WasmpollError ERR_OPTION */
export function parseSet(text: string, before: readonly string[] = []): readonly string[] {
  if (LINE.test(text)) return [...before, text];
  throw new WasmpollError('ERR_OPTION', `--set must be KEY=VALUE on one line, got '${text}'`);
}

/**
 * Reads the file anew, and puts the lines behind it, each with its end.
 * @throws WasmpollError ERR_OPTION when the file cannot be read, or it is too much
 */
export async function readConfig({ configFile, set = [] }: ConfigFlags): Promise<Uint8Array> {
  const file = configFile === undefined ? new Uint8Array(0) : await read(configFile);
  const lines = set.map((line) => `${line}\n`).join('');
  const unfinished = lines !== '' && file.length > 0 && file.at(-1) !== 0x0a;
  return configBytes(Buffer.concat([file, Buffer.from(unfinished ? `\n${lines}` : lines)]));
}

async function read(path: string): Promise<Buffer> {
  try {
    // Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new Error('it is not a regular file');
      checkConfigSize(stat.size);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new WasmpollError('ERR_OPTION', `--config-file '${path}': ${messageOf(error)}`);
  }
}
