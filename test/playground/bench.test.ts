// What the playground's worker makes of commands, without a page and without a worker.

import test from 'ava';
import { Bench, PIECE_BYTES } from '../../host/playground/bench/bench.ts';
import type {
  Answered,
  ClientView,
  Command,
  Progress,
  View,
} from '../../host/playground/bench/messages.ts';
import { transcriptOf } from '../../host/playground/bench/recording.ts';
import { echoModule, scriptedModule } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';

const utf8 = { to: new TextEncoder(), from: new TextDecoder() };

/** A bench, as a page has it: asked for one thing after another. */
class Page {
  readonly #bench = new Bench();
  readonly progress: Progress[] = [];
  #asked = 0;

  async try(command: Command): Promise<Omit<Answered, 'id'>> {
    this.#asked += 1;
    const { id, ...answer } = await this.#bench.answer({ id: this.#asked, command }, (progress) =>
      this.progress.push(progress),
    );
    if (id !== this.#asked) throw new Error('another answer');
    return answer;
  }

  async do(command: Command): Promise<View> {
    const { problem, view } = await this.try(command);
    if (problem !== null) throw new Error(problem);
    return view;
  }

  send(client: number, text: string): Promise<View> {
    return this.do({ do: 'send', client, bytes: utf8.to.encode(text) });
  }
}

const given = (bytes: Uint8Array, name = 'guest', map: string | null = null) =>
  ({ name, bytes, map, config: '' }) as const;

async function running(bytes: Uint8Array, clients = 1): Promise<Page> {
  const page = new Page();
  await page.do({ do: 'load', module: given(bytes) });
  for (let client = 1; client <= clients; client += 1) await page.do({ do: 'connect', client });
  return page;
}

const of = ({ clients }: View, number: number): ClientView =>
  clients.find(({ client }) => client === number)!;

const text = (view: View, client: number): string =>
  of(view, client)
    .received.map(({ bytes }) => utf8.from.decode(bytes))
    .join('');

test('what comes back is told once, with the time', async (t) => {
  const page = await running(echoModule());
  await page.do({ do: 'advance', ms: 250 });
  const view = await page.send(1, 'hello');
  t.is(text(view, 1), 'hello');
  t.is(of(view, 1).received[0]!.at, 251);
  t.deepEqual(of(await page.do({ do: 'advance', ms: 1 }), 1).received, []);
});

test('the state block and figures are told after each command', async (t) => {
  const page = await running(hazard());
  await page.send(1, 'abc');
  const view = await page.send(1, 'def');
  t.deepEqual([...of(view, 1).inspection!.state], [2, 0, 0, 0, 0, 0, 0, 0]);
  t.is(view.figures?.messages, 2);
  t.is(view.figures?.bytesIn, 6);
});

test('an advance goes from timer to timer, and tells when each ran out', async (t) => {
  const page = await running(scriptedModule);
  await page.send(1, 'q;e t{s .,late;t .,250;};t .,250;');
  const view = await page.do({ do: 'advance', ms: 600 });
  t.deepEqual(
    of(view, 1).received.map(({ at }) => at),
    [251, 501],
  );
  t.is(of(view, 1).inspection!.timerAt, 751);
  t.is(view.now, 601);
});

test('a trap is a line, which names the client that it has cost; others go on', async (t) => {
  const page = await running(hazard(), 2);
  const view = await page.send(2, 'T');
  const [line] = view.happenings;
  t.is(line!.level, 'trap');
  t.is(line!.client, 2);
  t.regex(line!.text, /unreachable.* in .*on_data/);
  t.is(of(view, 2).reason, 'TRAP');
  t.is(of(view, 2).inspection, null);
  t.is(text(await page.send(1, 'x'), 1), 'x');
  t.is(view.figures?.guestTraps, 1);
});

test('with its source map a trap has the line of the source', async (t) => {
  const url = utf8.to.encode('mine.wasm.map');
  const name = utf8.to.encode('sourceMappingURL');
  const content = [name.length, ...name, url.length, ...url];
  const bytes = Uint8Array.of(...hazard(), 0, content.length, ...content);
  // From the first byte on, all is of line 3, column 5.
  const map = JSON.stringify({ version: 3, sources: ['mine.ts'], mappings: 'AAEI' });
  const page = new Page();
  await page.do({ do: 'load', module: given(bytes, 'mine', map) });
  await page.do({ do: 'connect', client: 1 });
  const { happenings } = await page.send(1, 'T');
  t.true(happenings[0]!.text.endsWith(' (mine.ts:3:5)'), happenings[0]!.text);
});

test('a swap keeps connections and their state; one that is refused changes nothing', async (t) => {
  const page = await running(hazard());
  t.is(text(await page.send(1, '?'), 1), '1');
  for (const module of [given(Uint8Array.of(1), 'broken'), given(echoModule(), 'echo')]) {
    const { problem } = await page.try({ do: 'swap', module });
    t.true(problem?.startsWith(`${module.name}: `), problem ?? '');
  }
  t.is(text(await page.send(1, '?'), 1), '2');
  const view = await page.do({ do: 'swap', module: given(hazard(), 'another') });
  t.is(of(view, 1).state, 'open');
  t.is(text(await page.send(1, '?'), 1), '3');
});

test('a module that is none is refused in the words of the server, and another can be loaded', async (t) => {
  const page = new Page();
  const { problem, view } = await page.try({ do: 'load', module: given(Uint8Array.of(0), 'none') });
  t.regex(problem ?? '', /^none: /);
  t.is(view.figures, null);
  const early = await page.try({ do: 'connect', client: 1 });
  t.is(early.problem, 'there is no module yet');
  await page.do({ do: 'load', module: given(echoModule()) });
  t.is(of(await page.do({ do: 'connect', client: 1 }), 1).state, 'open');
});

test('ends of a connection are told as the guest and as the client see them', async (t) => {
  const page = await running(echoModule(), 3);
  const ended = await page.do({ do: 'end', client: 1 });
  t.deepEqual(
    [of(ended, 1).reason, of(ended, 1).state, of(ended, 1).finished],
    ['PEER', 'ended', true],
  );
  const reset = await page.do({ do: 'reset', client: 2 });
  t.is(of(reset, 2).inspection, null);
  const forgotten = await page.do({ do: 'forget', client: 3 });
  t.false(forgotten.clients.some(({ client }) => client === 3));
  t.is(
    (await page.try({ do: 'send', client: 3, bytes: utf8.to.encode('x') })).problem,
    'there is no client 3',
  );
});

test('a client that does not read is felt, and gets all once it reads', async (t) => {
  const page = await running(echoModule());
  await page.do({ do: 'read', client: 1, reads: false });
  const much = new Uint8Array(48 * 1024).fill(120);
  let sent = 0;
  let problem: string | null = null;
  let view: View | null = null;
  while (problem === null) {
    ({ problem, view } = await page.try({ do: 'send', client: 1, bytes: much }));
    sent += problem === null ? much.length : Number(/(\d+) of/.exec(problem)![1]);
  }
  t.true(of(view!, 1).inspection!.backlogBytes > 0);
  t.deepEqual(of(view!, 1).received, []);
  const after = await page.do({ do: 'read', client: 1, reads: true });
  const [piece] = of(after, 1).received;
  t.is(piece!.bytes.length, PIECE_BYTES);
  t.is(piece!.length, sent);
});

test('of a flood of lines the last ones are told, and how many are left out', async (t) => {
  const page = await running(scriptedModule);
  const { happenings } = await page.send(1, 'q;* 900{l 1,x;};');
  t.is(happenings.length, 501);
  t.regex(happenings[0]!.text, /^4\d\d lines before these are left out$/);
});

const judging = (bytes: Uint8Array, text: string): Command => ({
  ...{ do: 'judge', module: given(bytes, 'mine'), text, fresh: ['swap', 'trap'] },
});

test('a transcript is played in every manner, and clients are left alone', async (t) => {
  const page = await running(echoModule());
  const { judged, view } = await page.try(
    judging(echoModule(), '> hello\n< hello\nfinish\nends\n'),
  );
  t.true(judged!.passed);
  t.true(judged!.plays > 23);
  t.regex(judged!.report[0]!, /^ok /);
  t.is(of(view, 1).state, 'open');
  t.deepEqual(of(view, 1).received, []);
  t.deepEqual([...new Set(page.progress.map(({ line }) => line))], [1, 2, 3, 4]);
  t.true(page.progress.some(({ how }) => how === 'byte by byte'));
});

test('a transcript that the guest does not follow is told with its line and both texts', async (t) => {
  const page = new Page();
  const { judged } = await page.try(judging(echoModule(), '> hello\n< help\n'));
  t.false(judged!.passed);
  t.is(judged!.line, 2);
  const told = judged!.report.join('\n');
  t.regex(told, /^FAIL {2}transcript:2: /);
  t.regex(told, /expected +help\\n/);
  t.regex(told, /came +hello\\n/);
});

test('mistakes in a transcript are all told, and so is a module that does not start', async (t) => {
  const page = new Page();
  const { judged } = await page.try(judging(echoModule(), '> x\nfinnish\n+5 lightyears\n'));
  t.is(judged!.line, 2);
  t.is(judged!.report.length, 2);
  const file = await page.try(judging(echoModule(), 'config-file x.txt\n> x\n< x\n'));
  t.regex(file.judged!.report[0]!, /^transcript:1: a page reads no files/);
  const none = await page.try(judging(Uint8Array.of(1), '> x\n< x\n'));
  t.is(none.judged, null);
  t.regex(none.problem ?? '', /^mine: /);
});

test('what was done can be played again as a transcript', async (t) => {
  const sessions: [string, Uint8Array, (page: Page) => Promise<View[]>][] = [
    [
      'lines, and bytes that are none',
      echoModule(),
      async (page) => [
        await page.send(1, 'two\nlines\n\nand a piece'),
        await page.send(2, 'hex\n\u202e\r\n'),
        await page.do({ do: 'send', client: 1, bytes: Uint8Array.of(0, 255, 10) }),
        await page.do({ do: 'advance', ms: 1500 }),
        await page.do({ do: 'end', client: 1 }),
        await page.do({ do: 'reset', client: 2 }),
      ],
    ],
    [
      'lines that end as on the web',
      echoModule(),
      async (page) => [await page.send(1, 'GET\r\n\r\nbare\n'), await page.send(2, 'x\r\n')],
    ],
    ['a trap', hazard(), async (page) => [await page.send(1, 'T'), await page.send(2, '?')]],
  ];
  for (const [name, bytes, act] of sessions) {
    const page = new Page();
    await page.do({ do: 'load', module: given(bytes) });
    const before = [
      await page.do({ do: 'connect', client: 1 }),
      await page.do({ do: 'connect', client: 2 }),
    ];
    const text = transcriptOf([...before, ...(await act(page))].flatMap((view) => view.recorded));
    const command = { do: 'judge', module: given(bytes), text, fresh: [] } as const;
    const { judged } = await page.try(command);
    t.deepEqual(judged!.passed || judged!.report, true, `${name}:\n${text}`);
  }
  const alone = await running(echoModule());
  const { recorded } = await alone.send(1, 'hello\n');
  t.is(transcriptOf(recorded), '> hello\n< hello\n');
});

test('what happens by the clock is written down with the time that passed before it', async (t) => {
  const page = await running(scriptedModule);
  await page.send(1, 'q;e t{s .,late;};t .,250;');
  const { recorded } = await page.do({ do: 'advance', ms: 600 });
  t.is(transcriptOf(recorded), '+250ms\n<= late\n+350ms\n');
});
