// Upstreams: a row for each to which guests may connect. The card is there only where there are some.

import { bytes, count } from '../view/figures.ts';
import type { SeenUpstream } from '../view/seen.ts';
import { failuresOf, targetsOf, whyOf } from '../view/upstreams.ts';
import { byId, write } from './dom.ts';
import { type Column, Table } from './table.ts';

interface Row extends SeenUpstream {
  readonly name: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'Upstream', text: true, cell: ({ name }) => name },
  { title: 'Open', hint: 'Open connections', cell: ({ open }) => count(open) },
  {
    ...{ title: 'Connecting', hint: 'Connections that are being made' },
    cell: ({ connecting }) => count(connecting),
  },
  { title: 'Connected', hint: 'Since the start', cell: ({ connected }) => count(connected) },
  {
    ...{ title: 'Failed', hint: 'Connections that could not be made' },
    cell: (row) => count(failuresOf(row)),
    tone: (row) => (failuresOf(row) > 0 ? 'warn' : ''),
  },
  {
    ...{ title: 'Why', text: true },
    cell: whyOf,
  },
  { title: 'In', hint: 'Received from it since the start', cell: ({ bytesIn }) => bytes(bytesIn) },
  { title: 'Out', hint: 'Sent to it since the start', cell: ({ bytesOut }) => bytes(bytesOut) },
  {
    ...{ title: 'Targets', text: true },
    cell: targetsOf,
    tone: ({ targets }) => (targets.some(({ resting }) => resting) ? 'warn' : ''),
  },
];

export class Upstreams {
  readonly #card = byId('upstreams-card');
  readonly #table = new Table(byId('upstreams'), COLUMNS, '');

  update(upstreams: Readonly<Record<string, SeenUpstream>>): void {
    const rows = Object.entries(upstreams).map(([name, one]) => ({ name, ...one }));
    this.#card.hidden = rows.length === 0;
    const open = rows.reduce((sum, row) => sum + row.open, 0);
    write(byId('upstreams-note'), `${count(open)} open`);
    this.#table.show(rows, ({ name }) => name);
  }
}
