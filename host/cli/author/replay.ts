// Command line of `wasmpoll replay`: plays a crash file again. It ends with 0 if the guest fails as it did, 3 if it does
// not, 1 if it is another module, or none, and 2 for wrong usage.

import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { type Crash, isCut, readCrash } from '../../crashes/crash.ts';
import { messageOf, WasmpollError } from '../../errors.ts';
import { resolveProtocol } from '../../module/source.ts';
import { printable } from '../../text.ts';
import { complain, FAILED, makeCommand, refuse, refuseRepetition } from '../command-line.ts';
import { type ConfigFlags, parseSet, readConfig } from '../config-file.ts';
import type { FromReplay, ReplayData } from './replay-thread.ts';
import { addTimeout, defaultTimeout } from './timeout.ts';

const NOT_REPRODUCED = 3;
/** As the supervisor puts it of a callback that it has ended. */
const HUNG = /^a callback did not return within /;

interface Flags extends ConfigFlags {
  timeout?: number;
}

function replayCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll replay')
    .description('Plays a crash file again: the callback in which a guest has failed.')
    .argument('<crash>', 'a file of --crash-folder')
    .argument('<module>', 'the module that failed: a bundled protocol, or a path')
    .option('--config-file <PATH>', "what the guest's config gives it; it is not in the crash file")
    .option('--set <KEY=VALUE>', 'a line for config; repeatable (default: none)', parseSet)
    .allowExcessArguments(false);
  addTimeout(command);
  refuseRepetition(command, ['set']);
  return command;
}

/** Plays what the arguments say, and leaves the exit status. */
export async function replayMain(args: readonly string[]): Promise<void> {
  let flags: Flags;
  let crash: Crash;
  let module: string;
  let config: Uint8Array;
  try {
    const command = replayCommand();
    command.parse(args, { from: 'user' });
    flags = command.opts<Flags>();
    const [file, given] = command.processedArgs as [string, string];
    module = given;
    crash = await readFileOf(file);
    config = await readConfig(flags);
  } catch (error) {
    refuse(error);
    return;
  }
  if (isCut(crash.call)) {
    tell(crash, ['the file lacks data that the callback was given; raise --crash-bytes'], false);
    return;
  }
  try {
    // A module that is too large now was not too large then.
    const { source } = await resolveProtocol(module, crash.policy.maxModuleBytes);
    const { timeout = defaultTimeout() } = flags;
    await play({ crash, config, module: source as Uint8Array }, timeout);
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}

async function readFileOf(file: string): Promise<Crash> {
  try {
    return readCrash(await readFile(file, 'utf8'));
  } catch (error) {
    throw new WasmpollError('ERR_OPTION', `'${file}': ${messageOf(error)}`, { cause: error });
  }
}

/** @throws WasmpollError for a module that is another one, or none */
async function play(data: ReplayData, timeoutMs: number): Promise<void> {
  const played = await inThread(data, timeoutMs);
  if (played === null) {
    const hung = HUNG.test(data.crash.reason);
    tell(data.crash, [`the callback has not returned for ${timeoutMs / 1000} s`], hung);
  } else if (played.kind === 'played') tell(data.crash, played.found, played.reproduced);
  else
    throw new WasmpollError(
      played.code === 'ERR_MODULE' ? 'ERR_MODULE' : 'ERR_GUEST',
      played.message,
    );
}

/** @returns null when the thread had to be ended */
async function inThread(data: ReplayData, timeoutMs: number): Promise<FromReplay | null> {
  const worker = new Worker(new URL('./replay-thread.js', import.meta.url), { workerData: data });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', resolve);
      worker.on('error', reject);
      timer = setTimeout(() => resolve(null), timeoutMs);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

function tell(crash: Crash, found: readonly string[], reproduced: boolean): void {
  const { reason, source, frames, call } = crash;
  const lines = [`${reproduced ? 'reproduced' : 'not reproduced'}: ${reason}, in ${call.callback}`];
  if (source !== null) lines.push(`  at ${source}`);
  for (const frame of frames) lines.push(`  in ${frame}`);
  if (!reproduced) {
    lines.push(
      found.length === 0 ? '  now: the callback has returned' : `  now: ${found.join('; ')}`,
    );
    lines.push(
      '  A crash file holds the state block and the input of one connection. What the guest held in globals and',
      '  on its heap, the other connections, and what the host answered it (config, random, topics, keys, backlogs)',
      '  are not in it.',
    );
  }
  process.stdout.write(`${lines.map((line) => printable(line)).join('\n')}\n`);
  process.exitCode = reproduced ? 0 : NOT_REPRODUCED;
}
