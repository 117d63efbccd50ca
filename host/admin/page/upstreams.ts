// Upstreams: a row for each to which guests may connect. The card is there only where there are some.

import { bytes, count } from '../view/figures.ts';
import type { SeenUpstream } from '../view/seen.ts';
import { byId, write } from './dom.ts';
import { type Column, Table } from './table.ts';

interface Row extends SeenUpstream {
  readonly name: string;
}

const failures = ({ failed }: Row): number =>
  Object.values(failed).reduce((sum, value) => sum + value, 0);

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
    cell: (row) => count(failures(row)),
    tone: (row) => (failures(row) > 0 ? 'warn' : ''),
  },
  {
    ...{ title: 'Why', text: true },
    cell: ({ failed }) =>
      Object.entries(failed)
        .sort(([, one], [, other]) => other - one)
        .map(([kind, value]) => `${kind} ${count(value)}`)
        .join(', '),
  },
  { title: 'In', hint: 'Of connections that are over', cell: ({ bytesIn }) => bytes(bytesIn) },
  { title: 'Out', hint: 'Of connections that are over', cell: ({ bytesOut }) => bytes(bytesOut) },
  {
    ...{ title: 'Targets', text: true },
    cell: ({ targets }) => {
      const resting = targets.filter((target) => target.resting);
      if (targets.length === 0) return 'named by the guest';
      if (resting.length === 0) return `${targets.length} in service`;
      return `${resting.length} of ${targets.length} rest: ${resting.map(({ address }) => address).join(', ')}`;
    },
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
