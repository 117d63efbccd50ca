// Cycle: builds, serves, waits for what is saved, and swaps, again and again. What does not compile, and what the server
// refuses, leaves the module that is there in service. It makes neither builder nor server.

import type { Builder } from '../../../compiler/build.ts';
import { type FilesRead, stampedNow } from '../../../compiler/files.ts';
import { changed } from '../../../compiler/watch.ts';
import { WasmpollError } from '../../../errors.ts';
import { report } from '../../command-line.ts';
import { tell } from '../build.ts';
import type { Served } from './served.ts';

/** Resolves when it has been told to stop. Rejects with what another save does not put right. */
export async function cycle(
  builder: Builder,
  served: Served,
  output: string,
  stop: AbortSignal,
): Promise<void> {
  let files: FilesRead = {};
  for (let builds = 1; !stop.aborted; builds += 1) {
    files = await round(builder, served, output, stop, files);
    // It may have been told to end while the module took its place.
    if (stop.aborted) return;
    if (builds === 1) void builder.warm().catch(() => undefined);
    const waiting = new AbortController();
    const ended = (): void => waiting.abort();
    stop.addEventListener('abort', ended);
    const enter = served.offer(waiting.signal);
    await changed(files, waiting.signal);
    stop.removeEventListener('abort', ended);
    waiting.abort();
    await enter;
  }
}

/**
 * Builds once, and serves that. Where one is served, whatever can be put right is told, and it goes on.
 * @param before what the build before has read
 * @returns what this one has read; the same as before if nothing could be built
 */
async function round(
  builder: Builder,
  served: Served,
  output: string,
  stop: AbortSignal,
  before: FilesRead,
): Promise<FilesRead> {
  const began = performance.now();
  // With the stamps from before, a build that fails would be tried again at once, for ever.
  let files = stampedNow(before);
  try {
    const built = await builder.build();
    ({ files } = built);
    if (stop.aborted) return files;
    tell(built);
    if (built.ok && built.module !== null) {
      report(`${output}: built in ${Math.round(performance.now() - began)} ms`);
      await served.serve(output, built.module);
    } else if (served.isThere) report('the module before goes on');
  } catch (error) {
    if (!(error instanceof WasmpollError) || !served.isThere) throw error;
    report(error.message);
    report('the module before goes on');
  }
  return files;
}
