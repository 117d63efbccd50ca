// Commands for authors of protocols: which there are. Each is loaded when it is called, and knows its own
// arguments.

import type { Signals } from '../signals.ts';

type Main = (args: readonly string[], signals: Signals) => Promise<void>;

const commands: Readonly<Record<string, () => Promise<Main>>> = {
  new: async () => (await import('./new.ts')).newMain,
  build: async () => (await import('./build.ts')).buildMain,
  dev: async () => (await import('./dev/command.ts')).devMain,
  replay: async () => (await import('./replay.ts')).replayMain,
  playground: async () => (await import('./playground.ts')).playgroundMain,
  test: async () => (await import('./test.ts')).testMain,
};

/** @returns the command of that name, or null */
export const authorCommand = (name: string | undefined): (() => Promise<Main>) | null =>
  name !== undefined && Object.hasOwn(commands, name) ? commands[name]! : null;
