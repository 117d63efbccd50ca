// Build: the command line of `wasmpoll build`: a source becomes a module that the server takes. It ends with 0, with
// 1 if it does not compile or would not be served, and with 2 if the usage is wrong.

import path from 'node:path';
import { Builder, type Built, languageOf, writeModule } from '../../compiler/build.ts';
import { lineOf } from '../../compiler/diagnostics.ts';
import { messageOf } from '../../errors.ts';
import { resolvePolicy } from '../../policy.ts';
import { findProject, type Project } from '../../projects/project.ts';
import { complain, FAILED, makeCommand, refuse, report } from '../command-line.ts';

interface Flags {
  output?: string;
}

/** Does what the arguments say, and leaves the exit status. */
export async function buildMain(args: readonly string[]): Promise<void> {
  const command = makeCommand('wasmpoll build')
    .description('Compiles a protocol, and says whether the server would take it.')
    .argument('[file]', "a source in AssemblyScript, Rust or C (default: the project's)")
    .option('-o, --output <FILE>', 'the module (default: build/NAME.wasm of the project)')
    .allowExcessArguments(false);
  let project: Project;
  try {
    command.parse(args, { from: 'user' });
    const [file] = command.processedArgs as [string | undefined];
    project = findProject(file);
    languageOf(project.source);
  } catch (error) {
    refuse(error);
    return;
  }
  const { output } = command.opts<Flags>();
  try {
    await build(output === undefined ? project : { ...project, module: path.resolve(output) });
  } catch (error) {
    complain(messageOf(error));
    process.exitCode = FAILED;
  }
}

async function build({ folder, source, module }: Project): Promise<void> {
  const output = path.basename(module);
  const limits = resolvePolicy();
  const builder = new Builder({ folder, source, output, limits, quick: false });
  let built: Built;
  try {
    built = await builder.build();
  } finally {
    builder.close();
  }
  tell(built);
  if (!built.ok || built.module === null) {
    process.exitCode = FAILED;
    return;
  }
  const file = await writeModule(path.dirname(module), output, built.module);
  const shown = path.relative(process.cwd(), file);
  process.stdout.write(`${shown}: ${built.module.wasm.length} bytes\n`);
}

/** Each mistake in a line of its own. */
export function tell({ diagnostics, refused }: Built): void {
  for (const diagnostic of diagnostics) report(lineOf(diagnostic));
  if (refused !== null) report(`refused: ${refused}`);
}
