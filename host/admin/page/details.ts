// Details: what a service counts besides: upstreams, the guest's own metrics, topics and keys, engines, errors.

import { count, number, rate } from '../view/figures.ts';
import { quantile } from '../view/quantile.ts';
import type { SeenMetric, SeenStats } from '../view/seen.ts';
import { type Term, termsOf } from '../view/terms.ts';
import { byId, Kept, make, write } from './dom.ts';
import { Table } from './table.ts';
import type { Scene } from './tiles.ts';
import { Upstreams } from './upstreams.ts';

interface Metric {
  readonly name: string;
  readonly now: SeenMetric;
  readonly before: SeenMetric | null;
  readonly seconds: number;
}

/** What it was a moment ago, to tell how fast a counter grows. */
interface Moment {
  readonly service: string;
  readonly time: number;
  readonly guest: SeenStats['guest'];
}

/** A list of names and values under a heading. */
class Terms {
  readonly element: HTMLElement;
  readonly #title = make('h3');
  readonly #terms: Kept<Term>;

  constructor() {
    const list = make('dl', 'terms');
    this.element = make('div', '', this.#title, list);
    this.#terms = new Kept(list, ({ name }) => {
      const value = make('dd');
      const element = make('div', '', make('dt', '', name), value);
      return { element, update: (term) => write(value, term.value) };
    });
  }

  show(title: string, terms: readonly Term[]): void {
    this.#title.hidden = title === '';
    write(this.#title, title);
    this.element.hidden = terms.length === 0;
    this.#terms.show(terms, ({ name }) => name);
  }
}

export class Details {
  readonly #metrics = new Table<Metric>(
    byId('metrics'),
    [
      { title: 'Name', text: true, cell: ({ name }) => name },
      { title: 'Kind', text: true, cell: ({ now }) => now.kind },
      {
        title: 'Value',
        cell: ({ now }) => (now.kind === 'histogram' ? count(now.count) : number(now.value)),
      },
      { title: 'Now', hint: 'Grows by so much a second', cell: growth },
      { title: 'p50', cell: (metric) => spread(metric, 0.5) },
      { title: 'p99', cell: (metric) => spread(metric, 0.99) },
    ],
    'The guest counts nothing of its own.',
  );
  readonly #upstreams = new Upstreams();
  readonly #shared = new Terms();
  readonly #store = new Terms();
  readonly #topics = new Terms();
  readonly #tls = new Terms();
  readonly #errors = new Terms();
  readonly #noErrors = make('p', 'empty', 'Nothing has failed.');
  #moment: Moment | null = null;

  constructor() {
    byId('shared').append(
      ...[this.#shared, this.#store, this.#topics, this.#tls].map(({ element }) => element),
    );
    byId('errors').append(this.#errors.element, this.#noErrors);
  }

  update({ service, status: { time } }: Scene): void {
    const { stats, name } = service;
    this.#upstreams.update(stats.upstreams);
    this.#showMetrics(name, time, stats.guest);
    this.#shared.show('', termsOf(stats.shared));
    const { store, topics, ready } = stats.engines;
    this.#store.show('Store', termsOf(store ?? {}));
    this.#topics.show('Topics', termsOf(topics ?? {}));
    this.#tls.show('TLS', termsOf(stats.tls ?? {}));
    const outside = ready ? 'engines connected' : 'an engine is not connected';
    write(byId('shared-note'), store || topics ? outside : 'in this process alone');
    const errors = Object.entries(stats.errors).sort(([, one], [, other]) => other - one);
    this.#errors.show(
      '',
      errors.map(([kind, value]) => ({ name: kind, value: count(value) })),
    );
    this.#noErrors.hidden = errors.length > 0;
  }

  #showMetrics(service: string, time: number, guest: SeenStats['guest']): void {
    const moment = this.#moment?.service === service ? this.#moment : null;
    const seconds = moment === null ? 0 : (time - moment.time) / 1000;
    const metrics = Object.entries(guest).map(([name, now]) => {
      return { name, now, before: moment?.guest[name] ?? null, seconds };
    });
    this.#metrics.show(metrics, ({ name }) => name);
    write(byId('metrics-note'), metrics.length === 0 ? '' : count(metrics.length));
    if (seconds !== 0 || moment === null) this.#moment = { service, time, guest };
  }
}

function growth({ now, before, seconds }: Metric): string {
  if (now.kind === 'gauge') return '';
  if (before === null || before.kind !== now.kind || seconds <= 0) return rate(null);
  const of = (metric: SeenMetric): number =>
    metric.kind === 'histogram' ? metric.count : metric.value;
  return rate(Math.max(0, of(now) - of(before)) / seconds);
}

/** Of all that was counted: a guest's histogram has no unit that we know. */
function spread({ now }: Metric, portion: number): string {
  return now.kind === 'histogram' ? number(quantile(now, portion)) : '';
}
