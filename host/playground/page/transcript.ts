// Transcript: a text that says what clients send and what must come back, and whether the module does so. It is played
// by a worker of its own: a guest that does not return costs no client.

import { byId, mark, safe, write } from '../../admin/page/dom.ts';
import { several } from '../../admin/view/figures.ts';
import type { Given, Judged, Recorded } from '../bench/messages.ts';
import { transcriptOf } from '../bench/recording.ts';
import { LIMIT_MS, Link } from './link.ts';
import { span } from './times.ts';

const MOST_RECORDED = 5000;
/** For the bundled modules, until somebody writes one. */
const EXAMPLES: Readonly<Record<string, string>> = {
  echo: '# Every byte comes back.\n> hello\n< hello\n> hex 00 ff\n< hex 00 ff\nfinish\nends\n',
  lines:
    '# A line comes back once it is whole.\n>= half a\nnothing\n>  line\n< half a line\nfinish\nends\n',
  chat: [
    '# Two members of a room.',
    ...['ada <= name? ', 'ada > Ada', 'grace <= name? ', 'grace > Grace'],
    ...['ada < * Grace has joined', 'grace > hello', 'ada < Grace: hello', ''],
  ].join('\n'),
};

export class Transcript {
  readonly #link = new Link();
  readonly #module: () => Given | null;
  readonly #text = byId<HTMLTextAreaElement>('transcript');
  readonly #judge = byId<HTMLButtonElement>('judge');
  readonly #take = byId<HTMLButtonElement>('transcript-take');
  /** What was done since the module has started. */
  #recorded: Recorded[] = [];
  /** The example that stands there, as long as nobody has changed it. */
  #example = '';

  /** @param module the one to be judged; null if there is none */
  constructor(module: () => Given | null) {
    this.#module = module;
    this.#judge.addEventListener('click', () => void this.#run());
    this.#text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void this.#run();
    });
    this.#take.addEventListener('click', () => this.put(transcriptOf(this.#recorded)));
    const file = byId<HTMLInputElement>('transcript-file');
    byId('transcript-open').addEventListener('click', () => file.click());
    file.addEventListener('change', () => void this.#open(file));
  }

  /** There is another module. */
  offer(name: string): void {
    this.#judge.disabled = false;
    const { value } = this.#text;
    if (value !== '' && value !== this.#example) return;
    this.#example = EXAMPLES[name] ?? '';
    this.#text.value = this.#example;
    this.#show('', '', []);
  }

  /** More was done. Of a very long session the end is left out. */
  record(recorded: readonly Recorded[]): void {
    const room = MOST_RECORDED - this.#recorded.length;
    this.#recorded.push(...recorded.slice(0, room));
    this.#take.disabled = this.#recorded.length === 0;
  }

  /** A module starts anew, and nobody has done anything. */
  forget(): void {
    this.#recorded = [];
    this.#take.disabled = true;
  }

  put(text: string): void {
    this.#text.value = text;
    this.#show('', '', []);
    this.#text.focus();
    this.#text.scrollIntoView({ block: 'center' });
  }

  async #open(file: HTMLInputElement): Promise<void> {
    const text = await file.files?.[0]?.text();
    file.value = '';
    if (text !== undefined) this.put(text);
  }

  async #run(): Promise<void> {
    const module = this.#module();
    if (module === null || this.#judge.disabled) return;
    this.#judge.disabled = true;
    this.#show('playing', 'warn', []);
    try {
      const fresh = (['swap', 'trap'] as const).filter(
        (by) => byId<HTMLInputElement>(`fresh-${by}`).checked,
      );
      const text = this.#text.value;
      const outcome = await this.#link.ask({ do: 'judge', module, text, fresh });
      if (outcome.is === 'answered') this.#tell(outcome.judged, outcome.problem);
      else if (outcome.is === 'ended') {
        const { line, how } = outcome.progress ?? { line: null, how: 'whole' };
        const where = line === null ? 'while it started' : `at line ${line}, played ${how}`;
        this.#fail([`The guest did not return within ${span(LIMIT_MS)} ${where}.`], line);
      }
    } finally {
      this.#judge.disabled = false;
    }
  }

  #tell(judged: Judged | null, problem: string | null): void {
    if (judged === null) this.#fail([problem ?? 'nothing came back'], null);
    else if (judged.passed) {
      this.#show('passed', 'good', [
        `The guest did so each time, in ${several(judged.plays, 'play')}.`,
      ]);
    } else this.#fail(judged.report, judged.line);
  }

  #fail(report: readonly string[], line: number | null): void {
    this.#show('failed', 'bad', report);
    if (line !== null) this.#select(line);
  }

  /** The line that went wrong, so that it is found at once. */
  #select(line: number): void {
    const lines = this.#text.value.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
    this.#text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    this.#text.focus();
  }

  #show(state: string, tone: string, report: readonly string[]): void {
    write(byId('verdict-state'), state);
    mark(byId('verdict-state'), 'tone', tone);
    // Each line by itself: what is long in one is cut, and line ends stay.
    byId('report').replaceChildren(...report.flatMap((line) => [safe(line), '\n']));
  }
}
