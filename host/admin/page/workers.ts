// Workers: a row of figures for each, and one for all together.

import { byteRate, bytes, count, latency, percent, rate, several } from '../view/figures.ts';
import type { Subject } from '../view/history.ts';
import type { SeenCounts } from '../view/seen.ts';
import type { Series } from '../view/series.ts';
import { Spark } from './chart.ts';
import { byId, type Shown, write } from './dom.ts';
import { type Column, Table } from './table.ts';
import type { Scene } from './tiles.ts';

interface Row {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
  readonly counts: SeenCounts;
  readonly subject: Subject;
  readonly messages: Series;
  readonly time: number;
}

class RowSpark implements Shown<Row> {
  readonly #spark = new Spark();
  readonly element = this.#spark.element;

  update({ messages, time }: Row): void {
    this.#spark.draw(messages.upTo(time));
  }
}

const TONES: Readonly<Record<string, string>> = {
  ...{ serving: 'good', draining: 'warn', starting: 'bad' },
};

const COLUMNS: readonly Column<Row>[] = [
  { title: 'Worker', text: true, cell: ({ name }) => name },
  {
    ...{ title: 'State', text: true, cell: ({ state }) => state },
    tone: ({ state }) => TONES[state] ?? '',
  },
  {
    ...{ title: 'Messages', cell: ({ subject }) => rate(subject.now.messages) },
    extra: () => new RowSpark(),
  },
  { title: 'In', cell: ({ subject }) => byteRate(subject.now.bytesIn) },
  { title: 'Out', cell: ({ subject }) => byteRate(subject.now.bytesOut) },
  { title: 'Open', hint: 'Open connections', cell: ({ counts }) => count(counts.connections.open) },
  {
    ...{ title: 'p50', hint: 'Half of the callbacks of the last 10 s took no longer' },
    cell: ({ subject }) => latency(subject.now.p50Ms),
  },
  {
    ...{ title: 'p99', hint: '99 of 100 callbacks of the last 10 s took no longer' },
    cell: ({ subject }) => latency(subject.now.p99Ms),
  },
  {
    ...{ title: 'Busy', hint: 'The part of the time that is spent in callbacks' },
    cell: ({ subject }) => percent(subject.now.busy),
  },
  { title: 'Backlog', cell: ({ counts }) => bytes(counts.backlogBytes) },
  { title: 'Pool', cell: ({ counts }) => bytes(counts.poolBytes) },
  {
    title: 'Guest',
    hint: "The guest's memory",
    cell: ({ counts }) => bytes(counts.guestMemoryBytes),
  },
  {
    ...{ title: 'Traps', cell: ({ counts }) => count(counts.guestTraps) },
    tone: ({ counts }) => (counts.guestTraps > 0 ? 'warn' : ''),
  },
  {
    ...{ title: 'Restarts', cell: ({ restarts }) => count(restarts) },
    tone: ({ restarts }) => (restarts > 0 ? 'warn' : ''),
  },
];

export class Workers {
  readonly #table = new Table(byId('workers'), COLUMNS, 'There are no workers.');

  update({ service, mine, status: { time } }: Scene): void {
    const { stats, workers } = service;
    const rows = workers.flatMap((counts): Row[] => {
      const known = mine.workers.get(counts.index);
      if (known === undefined) return [];
      const { state, restarts, index } = counts;
      return [{ name: String(index), state, restarts, counts, time, ...known }];
    });
    if (rows.length > 1) rows.push(totalOf({ service, mine, time }));
    this.#table.show(rows, ({ name }) => name);
    const { total, ready, restarts } = stats.workers;
    const note = total === 0 ? 'in the main thread' : `${ready} of ${total} serve`;
    write(byId('workers-note'), `${note}, ${several(restarts, 'restart')}`);
  }
}

function totalOf({
  service: { stats },
  mine,
  time,
}: Pick<Scene, 'service' | 'mine'> & { time: number }): Row {
  return {
    ...{ name: 'all', state: '', restarts: stats.workers.restarts, time },
    ...{ counts: stats, subject: mine.total, messages: mine.charts.messages },
  };
}
