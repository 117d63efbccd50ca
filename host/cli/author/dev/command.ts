// Dev: the command line of `wasmpoll dev`: a source is served, and served anew when it is saved. It ends with 0 when
// told to, with 1 if it could not serve, and with 2 if the usage is wrong.

import { languageOf } from '../../../compiler/build.ts';
import { messageOf } from '../../../errors.ts';
import { parseListen } from '../../../listen/spec.ts';
import { type Policy, resolvePolicy } from '../../../policy.ts';
import { findProject, type Project } from '../../../projects/project.ts';
import {
  addAbsent,
  addAdmin,
  addEngines,
  addListen,
  addLogs,
  addSettings,
  complain,
  FAILED,
  makeCommand,
  refuse,
  refuseRepetition,
} from '../../command-line.ts';
import { parseSet } from '../../config-file.ts';
import { flagOf, policyFrom, settingNames } from '../../flags.ts';
import { DEFAULT_ADDRESS, type ServeFlags } from '../../serve-command.ts';
import type { Signals } from '../../signals.ts';

export interface DevFlags extends Omit<ServeFlags, 'workers'> {
  record?: true;
}

/** Does what the arguments say, and leaves the exit status. */
export async function devMain(args: readonly string[], signals: Signals): Promise<void> {
  const command = devCommand();
  let project: Project;
  let policy: Partial<Policy>;
  try {
    command.parse(args, { from: 'user' });
    policy = policyFrom(command.opts());
    resolvePolicy(policy, flagOf);
    const [file] = command.processedArgs as [string | undefined];
    project = findProject(file);
    languageOf(project.source);
  } catch (error) {
    refuse(error);
    return;
  }
  const { listen = [DEFAULT_ADDRESS], ...flags } = command.opts<DevFlags>();
  // It ends with its terminal, and leaves nothing behind.
  signals.onHangup(() => process.kill(process.pid, 'SIGTERM'));
  const { develop } = await import('./develop.ts');
  try {
    await develop(project, { ...flags, listen, policy }, signals);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const advice = code === 'EADDRINUSE' ? '; take another by --listen' : '';
    complain(messageOf(error) + advice);
    process.exitCode = FAILED;
  }
}

const NO_WORKERS =
  'dev has no --workers, and serves by one: build first, then serve by wasmpoll ./build/NAME.wasm --workers N';

function devCommand(): ReturnType<typeof makeCommand> {
  const command = makeCommand('wasmpoll dev')
    .description(
      'Serves a protocol from its source. What is saved is compiled, and served at once: connections go on.',
    )
    .argument('[file]', "a source in AssemblyScript, Rust or C (default: the project's)");
  addListen(
    command,
    `where, as wasmpoll --help has it; repeatable (default: ${DEFAULT_ADDRESS})`,
    parseListen,
  )
    .option('--config-file <PATH>', "what the guest's config gives it (default: none)")
    .option('--set <KEY=VALUE>', 'a line for config; repeatable (default: none)', parseSet)
    .option(
      '--crash-folder <FOLDER>',
      'keeps what callbacks were given in which the guest fails or hangs, and the module, for wasmpoll replay ' +
        '(default: none)',
    )
    .option(
      '--record',
      'keeps all that the guest was given from its start on with each failure, and the module, for wasmpoll ' +
        "replay: in the crash folder, or in the project's build/records (default: off)",
    )
    .allowExcessArguments(false);
  addAbsent(command, '--workers <N>', NO_WORKERS);
  addEngines(command);
  addLogs(command, 'info');
  addAdmin(command);
  addSettings(command, settingNames);
  refuseRepetition(command, ['listen', 'set', 'upstream', 'admin']);
  return command;
}
