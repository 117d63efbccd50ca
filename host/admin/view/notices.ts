// Notices: what an operator should look at, read from a status and from what came before it.

import { count, duration } from './figures.ts';
import type { ServiceHistory } from './history.ts';
import type { SeenService } from './seen.ts';
import { SLOT_MS } from './series.ts';

/** A replaced thread is news for so long. */
const NEWS_MS = 60_000;
/** More workers than this are counted, and not named. */
const MOST_NAMED = 3;

export interface Notice {
  readonly bad: boolean;
  readonly text: string;
}

export function noticesOf(service: SeenService, history: ServiceHistory, time: number): Notice[] {
  return [
    ...stateNotices(service),
    ...listenerNotices(service),
    ...workerNotices(service),
    ...replacedNotices(history, time),
    ...trapNotices(history, time),
    ...engineNotices(service),
  ];
}

function* stateNotices({ state }: SeenService): Iterable<Notice> {
  if (state === 'leaving') {
    yield { bad: false, text: 'It is about to drain: whoever sends it clients should stop' };
  } else if (state === 'draining') {
    yield { bad: false, text: 'It drains: it takes no new connections' };
  } else if (state === 'closed') yield { bad: true, text: 'It is closed' };
}

function* listenerNotices({ state, listeners }: SeenService): Iterable<Notice> {
  if (state === 'draining' || state === 'closed') return;
  for (const listener of listeners) {
    if (listener.state !== 'listening') {
      yield { bad: true, text: `${listener.address} is ${listener.state}` };
    }
  }
}

function* workerNotices({ state, workers }: SeenService): Iterable<Notice> {
  if (state === 'closed') return;
  const starting = workers.filter((worker) => worker.state === 'starting');
  if (starting.length === 0) return;
  const who = named(starting.map(({ index }) => index));
  yield { bad: true, text: `${who} ${starting.length === 1 ? 'is' : 'are'} starting` };
}

function* replacedNotices({ workers }: ServiceHistory, time: number): Iterable<Notice> {
  const replaced = [...workers]
    .flatMap(([index, { subject }]) => (subject.replaced ? [{ index, ...subject.replaced }] : []))
    .filter((one) => time - one.time < NEWS_MS);
  for (const hung of [true, false]) {
    const those = replaced.filter((one) => one.hung === hung);
    if (those.length === 0) continue;
    const latest = Math.max(...those.map((one) => one.time));
    const who = named(those.map(({ index }) => index));
    const was = those.length === 1 ? 'was' : 'were';
    const why = hung ? 'a callback hung' : 'the thread failed';
    yield { bad: hung, text: `${who} ${was} replaced ${duration(time - latest)} ago: ${why}` };
  }
}

function* trapNotices({ charts }: ServiceHistory, time: number): Iterable<Notice> {
  const recent = charts.traps.upTo(time).slice(-NEWS_MS / SLOT_MS);
  const traps = recent.reduce((sum, value) => sum + (value || 0), 0);
  if (traps === 0) return;
  const what = traps === 1 ? '1 callback has trapped' : `${count(traps)} callbacks have trapped`;
  yield { bad: false, text: `${what} in the last minute: the log says where` };
}

function* engineNotices({ stats }: SeenService): Iterable<Notice> {
  if (!stats.engines.ready) yield { bad: true, text: 'An engine is not connected' };
}

/** `Worker 1`, `Workers 1, 2`, `12 workers`. */
function named(indices: readonly number[]): string {
  if (indices.length === 1) return `Worker ${indices[0]}`;
  if (indices.length > MOST_NAMED) return `${indices.length} workers`;
  return `Workers ${indices.join(', ')}`;
}
