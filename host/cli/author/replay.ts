// Command line of `wasmpoll replay`: plays a crash file or a recording again. It ends with 0 if the guest fails as it did, 3 if it does
// not, 1 if it is another module, or none, and 2 for wrong usage.

import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { isCut, readCrash } from '../../crashes/crash.ts';
import { isRecording, readRecording } from '../../crashes/recorded-crash.ts';
import { messageOf, WasmpollError } from '../../errors.ts';
import { resolveProtocol } from '../../module/source.ts';
import { printable } from '../../text.ts';
import { complain, FAILED, makeCommand, refuse, refuseRepetition } from '../command-line.ts';
import { type ConfigFlags, parseSet, readConfig } from '../config-file.ts';
import type { FromReplay, Kept, ReplayData } from './replay-thread.ts';
import { addTimeout, defaultTimeout } from './timeout.ts';

const NOT_REPRODUCED = 3;
/** As the supervisor puts it of a callback that it has ended. */
const HUNG = /^a callback did not return within /;

interface Flags extends ConfigFlags {
  timeout?: number;
}

function replayCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll replay')
    .description(
      'Plays again what a guest has failed in: a callback, or all that the guest was given from its start on.',
    )
    .argument('<file>', 'a file of --crash-folder, or of wasmpoll dev --record')
    .argument('<module>', 'the module that failed: a bundled protocol, or a path')
    .option('--config-file <PATH>', "what the guest's config gives it; it is not in a crash file")
    .option('--set <KEY=VALUE>', 'a line for config; repeatable (default: none)', parseSet)
    .allowExcessArguments(false);
  addTimeout(command);
  refuseRepetition(command, ['set']);
  return command;
}

/** Plays what the arguments say, and leaves the exit status. */
export async function replayMain(args: readonly string[]): Promise<void> {
  let flags: Flags;
  let kept: Kept;
  let module: string;
  let config: Uint8Array;
  try {
    const command = replayCommand();
    command.parse(args, { from: 'user' });
    flags = command.opts<Flags>();
    const [file, given] = command.processedArgs as [string, string];
    module = given;
    kept = await readFileOf(file);
    config = await readConfig(flags);
  } catch (error) {
    refuse(error);
    return;
  }
  const lacks = lackOf(kept);
  if (lacks !== null) {
    tell(kept, { found: [lacks], reproduced: false });
    return;
  }
  try {
    // A module that is too large now was not too large then.
    const { source } = await resolveProtocol(module, kept.crash.policy.maxModuleBytes);
    const { timeout = defaultTimeout() } = flags;
    await play({ kept, config, module: source as Uint8Array }, timeout);
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}

async function readFileOf(file: string): Promise<Kept> {
  try {
    const text = await readFile(file, 'utf8');
    return isRecording(text)
      ? { kind: 'recording', crash: readRecording(text) }
      : { kind: 'crash', crash: readCrash(text) };
  } catch (error) {
    throw new WasmpollError('ERR_OPTION', `'${file}': ${messageOf(error)}`, { cause: error });
  }
}

/** Why it cannot be played; null if it can. */
function lackOf(kept: Kept): string | null {
  if (kept.kind === 'recording') {
    const full = 'the recording lacks its end: the guest was given more than 16 MiB';
    return kept.crash.complete ? null : full;
  }
  const cut = 'the file lacks data that the callback was given; raise --crash-bytes';
  return isCut(kept.crash.call) ? cut : null;
}

/** @throws WasmpollError for a module that is another one, or none */
async function play(data: ReplayData, timeoutMs: number): Promise<void> {
  const played = await inThread(data, timeoutMs);
  if (played === null) {
    const reproduced = HUNG.test(data.kept.crash.reason);
    const found = [`the callback has not returned for ${timeoutMs / 1000} s`];
    tell(data.kept, { found, reproduced });
  } else if (played.kind === 'played') tell(data.kept, played);
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

interface Found {
  readonly found: readonly string[];
  readonly reproduced: boolean;
  readonly diverged?: string | null;
}

function tell(kept: Kept, { found, reproduced, diverged = null }: Found): void {
  const { reason, source, frames } = kept.crash;
  const callback = kept.kind === 'crash' ? kept.crash.call.callback : kept.crash.callback;
  const lines = [`${reproduced ? 'reproduced' : 'not reproduced'}: ${reason}, in ${callback}`];
  if (source !== null) lines.push(`  at ${source}`);
  for (const frame of frames) lines.push(`  in ${frame}`);
  if (!reproduced) {
    lines.push(
      found.length === 0 ? '  now: the callback has returned' : `  now: ${found.join('; ')}`,
    );
    if (diverged !== null) lines.push(`  it did another thing than it had done ${diverged}`);
    lines.push(...(kept.kind === 'crash' ? NOT_IN_CRASHES : NOT_IN_RECORDINGS));
  }
  process.stdout.write(`${lines.map((line) => printable(line)).join('\n')}\n`);
  process.exitCode = reproduced ? 0 : NOT_REPRODUCED;
}

const NOT_IN_CRASHES = [
  '  A crash file holds the state block and the input of one connection. What the guest held in globals and',
  '  on its heap, the other connections, and what the host answered it (config, random, topics, keys, backlogs)',
  '  are not in it: wasmpoll dev --record keeps all that.',
];

const NOT_IN_RECORDINGS = [
  '  A recording holds all that the host gave to the guest. How much stack there was, whether memory could grow,',
  '  and how long a callback took are not in it.',
];
