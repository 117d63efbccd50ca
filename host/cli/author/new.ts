// New: the command line of `wasmpoll new`: a folder with a protocol that runs. It ends with 0, with 1 if the folder
// could not be written, and with 2 if the usage is wrong or there is something of that name.

import { Option } from 'commander';
import { messageOf, WasmpollError } from '../../errors.ts';
import {
  checkName,
  createProject,
  LANGUAGES,
  type ProjectLanguage,
} from '../../projects/create.ts';
import { complain, FAILED, makeCommand, refuse, USAGE } from '../command-line.ts';

/** Does what the arguments say, and leaves the exit status. */
export async function newMain(args: readonly string[]): Promise<void> {
  const command = makeCommand('wasmpoll new')
    .description('Writes a new protocol into a folder of its own.')
    .argument('<name>', 'of the protocol, its package and the new folder', checkName)
    .addOption(
      new Option('--language <LANGUAGE>', 'AssemblyScript, Rust or C')
        .choices(LANGUAGES)
        .default('as'),
    )
    .allowExcessArguments(false);
  try {
    command.parse(args, { from: 'user' });
    const [name] = command.processedArgs as [string];
    const { language } = command.opts<{ language: ProjectLanguage }>();
    const files = await createProject(name, language);
    process.stdout.write(`${files.map((file) => `${name}/${file}\n`).join('')}${next(name)}`);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (String(code).startsWith('commander.')) return refuse(error);
    complain(messageOf(error));
    process.exitCode = error instanceof WasmpollError ? USAGE : FAILED;
  }
}

const next = (name: string): string =>
  `\nServe it, and edit src/ meanwhile:\n\n  cd ${name}\n  npm install\n  npx wasmpoll dev\n`;
