// Judging: a transcript that somebody has written, held against a module, on harnesses of its own. It knows no client
// of the bench.

import { WasmpollError } from '../../errors.ts';
import type { Fresh } from '../../transcripts/manner.ts';
import { parseTranscript } from '../../transcripts/parse.ts';
import { report } from '../../transcripts/report.ts';
import { judge } from '../../transcripts/verdict.ts';
import type { Given, Judged, Progress } from './messages.ts';

/** What messages call it. */
const NAME = 'transcript';

export interface Judging {
  readonly module: Given;
  readonly text: string;
  /** Where fresh instances are to take over, too. */
  readonly fresh: readonly Fresh['by'][];
}

/**
 * Plays the transcript in every manner.
 * @param tell is told of each line before it is played: a guest may not return from it
 * @throws WasmpollError ERR_MODULE, ERR_GUEST or ERR_POLICY, as `harness()` does
 */
export async function judged(
  { module, text, fresh }: Judging,
  tell: (progress: Omit<Progress, 'id'>) => void,
): Promise<Judged> {
  const { name: guest, config, bytes } = module;
  let how = 'whole';
  try {
    const transcript = parseTranscript(text, NAME);
    if (transcript.configFile !== null) throw noFile(transcript.configFile.line);
    const verdict = await judge(bytes, transcript, {
      guest,
      ...(config !== '' && { config: new TextEncoder().encode(config) }),
      fresh,
      begins: (played) => {
        how = played;
      },
      watch: (line) => tell({ line, how }),
    });
    const { fault, plays } = verdict;
    return { passed: fault === null, plays, line: fault?.line ?? null, report: report(verdict) };
  } catch (error) {
    if (!(error instanceof WasmpollError) || error.code !== 'ERR_CONFIG') throw error;
    const lines = error.message.split('\n');
    const line = Number(/:(\d+):/.exec(lines[0]!)?.[1] ?? 0) || null;
    return { passed: false, plays: 0, line, report: lines };
  }
}

const noFile = (line: number): WasmpollError =>
  new WasmpollError(
    'ERR_CONFIG',
    `${NAME}:${line}: a page reads no files; write config lines, or fill in Config`,
  );
