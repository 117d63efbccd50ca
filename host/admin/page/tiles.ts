// Tiles: the figures of a service at a glance, each with its chart.

import { byteRate, bytes, count, latency, percent, rate } from '../view/figures.ts';
import type { History, ServiceHistory } from '../view/history.ts';
import type { SeenService, SeenStatus } from '../view/seen.ts';
import type { Series } from '../view/series.ts';
import { Chart, CLASSES, type Form } from './chart.ts';
import { byId, make, write } from './dom.ts';

/** What a tile is drawn from. */
export interface Scene {
  readonly status: SeenStatus;
  readonly service: SeenService;
  readonly history: History;
  readonly mine: ServiceHistory;
}

interface Figure {
  /** Empty for a tile with one figure. */
  readonly name: string;
  readonly value: (scene: Scene) => string;
  readonly series: (scene: Scene) => Series;
}

interface Plan extends Form {
  readonly figures: readonly Figure[];
  readonly note: (scene: Scene) => string;
}

const none = (): string => '';
const whole = (value: number): string => count(value);

const PLANS: readonly Plan[] = [
  {
    ...{ title: 'Messages', show: rate },
    figures: [
      {
        name: '',
        value: ({ mine }) => rate(mine.total.now.messages),
        series: ({ mine }) => mine.charts.messages,
      },
    ],
    note: ({ service }) => `${count(service.stats.messages)} since the start`,
  },
  {
    ...{ title: 'Bytes', show: byteRate },
    figures: [
      {
        name: 'in',
        value: ({ mine }) => byteRate(mine.total.now.bytesIn),
        series: ({ mine }) => mine.charts.bytesIn,
      },
      {
        name: 'out',
        value: ({ mine }) => byteRate(mine.total.now.bytesOut),
        series: ({ mine }) => mine.charts.bytesOut,
      },
    ],
    note: ({ service: { stats } }) => `${bytes(stats.bytesIn)} in, ${bytes(stats.bytesOut)} out`,
  },
  {
    ...{ title: 'Connections', show: whole },
    figures: [
      {
        name: '',
        value: ({ service }) => count(service.stats.connections.open),
        series: ({ mine }) => mine.charts.open,
      },
    ],
    note: ({ service, mine }) => {
      const { refused } = service.stats.connections;
      const most = `of ${count(service.policy.maxConnections)}`;
      return `${most}, ${rate(mine.total.now.accepted)} new, ${count(refused)} refused`;
    },
  },
  {
    ...{ title: 'Callback latency', show: latency },
    figures: [
      {
        name: 'p50',
        value: ({ mine }) => latency(mine.total.now.p50Ms),
        series: ({ mine }) => mine.charts.p50Ms,
      },
      {
        name: 'p99',
        value: ({ mine }) => latency(mine.total.now.p99Ms),
        series: ({ mine }) => mine.charts.p99Ms,
      },
    ],
    note: ({ service }) =>
      service.stats.histograms === null ? 'not measured' : 'of the last 10 s',
  },
  {
    ...{ title: 'Traps and restarts', show: whole, bars: true },
    figures: [
      {
        name: 'traps',
        value: ({ service }) => count(service.stats.guestTraps),
        series: ({ mine }) => mine.charts.traps,
      },
      {
        name: 'restarts',
        value: ({ service }) => count(service.stats.workers.restarts),
        series: ({ mine }) => mine.charts.restarts,
      },
    ],
    note: () => 'since the start',
  },
  {
    ...{ title: 'Pool', show: bytes },
    figures: [
      {
        name: '',
        value: ({ service }) => bytes(service.stats.poolBytes),
        series: ({ mine }) => mine.charts.poolBytes,
      },
    ],
    note: ({ service: { stats, policy } }) =>
      `${percent(stats.poolBytes / policy.poolBytes)} of ${bytes(policy.poolBytes)}, ` +
      `backlog ${bytes(stats.backlogBytes)}`,
  },
  {
    ...{ title: 'Memory', show: bytes },
    figures: [
      {
        name: 'process',
        value: ({ status }) => bytes(status.process.rssBytes),
        series: ({ history }) => history.rss,
      },
      {
        name: 'guests',
        value: ({ service }) => bytes(service.stats.guestMemoryBytes),
        series: ({ mine }) => mine.charts.guestMemoryBytes,
      },
    ],
    note: none,
  },
  {
    ...{ title: 'CPU', show: percent },
    figures: [
      {
        name: '',
        value: ({ history }) => percent(history.cores),
        series: ({ history }) => history.cpu,
      },
    ],
    note: () => 'of one core, whole process',
  },
];

class Tile {
  readonly element: HTMLElement;
  readonly #plan: Plan;
  readonly #chart: Chart;
  readonly #values: readonly HTMLElement[];
  readonly #note = make('p', 'note');

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#chart = new Chart(plan);
    this.#values = plan.figures.map(() => make('dd'));
    const figures = plan.figures.map(({ name }, index) => {
      const key = make('dt', name === '' ? 'hidden' : CLASSES[index], name || plan.title);
      return make('div', '', key, this.#values[index]!);
    });
    this.element = make(
      'article',
      plan.figures.length > 1 ? 'card tile two' : 'card tile',
      make('h2', '', plan.title),
      make('dl', '', ...figures),
      this.#note,
      this.#chart.element,
    );
  }

  update(scene: Scene): void {
    const { figures, note } = this.#plan;
    const { time } = scene.status;
    for (const [index, { value }] of figures.entries()) write(this.#values[index]!, value(scene));
    write(this.#note, note(scene));
    const lines = figures.map(({ name, series }) => ({ name, values: series(scene).upTo(time) }));
    this.#chart.draw(lines, time);
  }
}

export class Tiles {
  readonly #tiles = PLANS.map((plan) => new Tile(plan));

  constructor() {
    byId('tiles').append(...this.#tiles.map(({ element }) => element));
  }

  update(scene: Scene): void {
    for (const tile of this.#tiles) tile.update(scene);
  }
}
