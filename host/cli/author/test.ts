// Command line of `wasmpoll test`: holds a guest against transcripts. It ends with 0 if the guest does what they say, 1
// if it does not, 2 for wrong usage, which a transcript that cannot be read is, too.

import path from 'node:path';
import { messageOf, WasmpollError } from '../../errors.ts';
import { resolveProtocol } from '../../module/source.ts';
import { settings } from '../../policy.ts';
import { findProject, type Project } from '../../projects/project.ts';
import { SourceMaps } from '../../server/source-maps.ts';
import type { Place } from '../../transcripts/fault.ts';
import { report } from '../../transcripts/report.ts';
import { complain, FAILED, makeCommand, refuse, refuseRepetition, USAGE } from '../command-line.ts';
import { type ConfigFlags, parseSet } from '../config-file.ts';
import { built } from './built.ts';
import type { Task } from './play-messages.ts';
import { playAll } from './playing.ts';
import { addTimeout, defaultTimeout } from './timeout.ts';
import { FOLDER, readTasks } from './transcript-files.ts';

interface Flags extends ConfigFlags {
  guest?: string;
  seed?: number;
  swap?: boolean;
  trap?: boolean;
  timeout?: number;
}

function testCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll test')
    .description(
      'Plays transcripts of conversations, and tells where the guest says something else.',
    )
    .argument('[files...]', `transcripts (default: ${FOLDER}/*.txt)`)
    .option(
      '--guest <module>',
      "a bundled protocol, or the path of a module: ./my.wasm (default: builds the project's)",
    )
    .option('--seed <N>', 'play whole, and cut as a failure has said', parseSeed)
    .option('--swap', 'also put a fresh instance in place of the guest, between any two callbacks')
    .option(
      '--trap',
      "also end the guest between any two callbacks, as another connection's trap does",
    )
    .option(
      '--config-file <PATH>',
      "what the guest's config gives it, in place of the transcript's",
    )
    .option(
      '--set <KEY=VALUE>',
      'a line for config, behind all others; repeatable (default: none)',
      parseSet,
    );
  addTimeout(command);
  refuseRepetition(command, ['set']);
  return command;
}

function parseSeed(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw new WasmpollError(
    'ERR_OPTION',
    `--seed must be a number that a failure has said, got '${text}'`,
  );
}

/** Tests what the arguments say, and leaves the exit status. */
export async function testMain(args: readonly string[]): Promise<void> {
  let flags: Flags;
  let project: Project | null;
  let tasks: Task[];
  try {
    const command = testCommand();
    command.parse(args, { from: 'user' });
    flags = command.opts<Flags>();
    project = flags.guest === undefined ? findProject(undefined) : null;
    const [files] = command.processedArgs as [string[]];
    tasks = await readTasks(files, project?.folder ?? '', flags);
  } catch (error) {
    refuseFiles(error);
    return;
  }
  try {
    const guest = project === null ? flags.guest! : await built(project);
    const went = guest !== null && (await play(guest, tasks, flags));
    process.exitCode = went ? 0 : FAILED;
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}

/** As `refuse`; --help says nothing about what is wrong in a file. */
function refuseFiles(error: unknown): void {
  if (!(error instanceof WasmpollError) || error.code !== 'ERR_CONFIG') {
    refuse(error);
    return;
  }
  for (const line of error.message.split('\n')) complain(line);
  process.exitCode = USAGE;
}

/** @returns whether all went well */
async function play(guest: string, tasks: readonly Task[], flags: Flags): Promise<boolean> {
  const {
    name,
    source,
    folder = '',
  } = await resolveProtocol(guest, settings.maxModuleBytes.default);
  const { seed, swap = false, trap = false, timeout = defaultTimeout() } = flags;
  const fresh = [...(swap ? (['swap'] as const) : []), ...(trap ? (['trap'] as const) : [])];
  const options = { guest: name, fresh, ...(seed !== undefined && { seed }) };
  let [plays, failed] = [0, 0];
  const maps = new SourceMaps();
  const lineAt = (place: Place): string | null =>
    maps.lineAt({ ...place, map: path.join(folder, place.map) });
  // What was read is bytes.
  const module = source as Uint8Array;
  await playAll({ module, tasks, options }, timeout, (verdict) => {
    plays += verdict.plays;
    if (verdict.fault !== null) failed += 1;
    process.stdout.write(`${report(verdict, lineAt).join('\n')}\n`);
  });
  const transcripts = tasks.length === 1 ? '1 transcript' : `${tasks.length} transcripts`;
  const all = plays === 1 ? '1 play' : `${plays} plays`;
  process.stdout.write(`${transcripts}, ${all}, ${failed} failed\n`);
  return failed === 0;
}
