// Screen: what `wasmpoll top` shows of a scene, line by line, in the height there is. It knows no terminal.

import {
  byteRate,
  bytes,
  count,
  duration,
  latency,
  number,
  percent,
  rate,
  several,
} from '../../admin/view/figures.ts';
import type { History, ServiceHistory, Subject } from '../../admin/view/history.ts';
import { noticesOf } from '../../admin/view/notices.ts';
import { quantile } from '../../admin/view/quantile.ts';
import type {
  SeenConnection,
  SeenCounts,
  SeenMetric,
  SeenService,
  SeenStatus,
  SeenUpstream,
} from '../../admin/view/seen.ts';
import { failuresOf, targetsOf, whyOf } from '../../admin/view/upstreams.ts';
import { type Line, type Piece, piece, type Style, type TextColumn, tableOf } from './paint.ts';

export interface Scene {
  readonly status: SeenStatus;
  readonly service: SeenService;
  readonly history: History;
  readonly mine: ServiceHistory;
  /** Null where they cannot be had. */
  readonly connections: readonly SeenConnection[] | null;
}

interface Row {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
  readonly counts: SeenCounts;
  readonly subject: Subject;
}

const STYLES: Readonly<Record<string, Style>> = {
  ...{ serving: 'good', starting: 'bad', closed: 'bad', listening: 'plain' },
};
const styleOf = (state: string): Style => STYLES[state] ?? 'warn';
const warned = (value: number): Style => (value > 0 ? 'warn' : 'plain');

const WORKERS: readonly TextColumn<Row>[] = [
  { title: 'WORKER', longest: 8, cell: ({ name }) => name },
  { title: 'STATE', longest: 9, cell: ({ state }) => state, style: ({ state }) => styleOf(state) },
  { title: 'MESSAGES', cell: ({ subject }) => rate(subject.now.messages) },
  { title: 'IN', cell: ({ subject }) => byteRate(subject.now.bytesIn) },
  { title: 'OUT', cell: ({ subject }) => byteRate(subject.now.bytesOut) },
  { title: 'OPEN', cell: ({ counts }) => count(counts.connections.open) },
  { title: 'P50', cell: ({ subject }) => latency(subject.now.p50Ms) },
  { title: 'P99', cell: ({ subject }) => latency(subject.now.p99Ms) },
  { title: 'BUSY', cell: ({ subject }) => percent(subject.now.busy) },
  {
    ...{ title: 'TRAPS', cell: ({ counts }) => count(counts.guestTraps) },
    style: ({ counts }) => warned(counts.guestTraps),
  },
  {
    ...{ title: 'RESTARTS', cell: ({ restarts }) => count(restarts) },
    style: ({ restarts }) => warned(restarts),
  },
  { title: 'POOL', cell: ({ counts }) => bytes(counts.poolBytes) },
  { title: 'GUEST', cell: ({ counts }) => bytes(counts.guestMemoryBytes) },
];

/** Of a connection to an upstream, that as well. */
function peerOf({ peer, upstream }: SeenConnection): string {
  const address = peer || 'gone';
  return typeof upstream === 'string' ? `${upstream}: ${address}` : address;
}

const CONNECTIONS: readonly TextColumn<SeenConnection>[] = [
  { title: 'CONNECTION', cell: ({ id }) => String(id) },
  { title: 'PEER', longest: 47, cell: peerOf },
  { title: 'AGE', cell: ({ ageMs }) => duration(ageMs) },
  { title: 'IN', cell: ({ bytesIn }) => bytes(bytesIn) },
  { title: 'OUT', cell: ({ bytesOut }) => bytes(bytesOut) },
  {
    ...{ title: 'BACKLOG', cell: ({ backlogBytes }) => bytes(backlogBytes) },
    style: ({ backlogBytes }) => warned(backlogBytes),
  },
  { title: 'HELD', cell: ({ heldBytes }) => bytes(heldBytes) },
  { title: 'STATE', longest: 14, cell: ({ state }) => state },
  { title: 'WAITS FOR', longest: 20, cell: ({ waiting }) => waiting ?? '' },
];

const UPSTREAMS: readonly TextColumn<readonly [string, SeenUpstream]>[] = [
  { title: 'UPSTREAM', longest: 32, cell: ([name]) => name },
  { title: 'OPEN', cell: ([, { open }]) => count(open) },
  { title: 'CONNECTING', cell: ([, { connecting }]) => count(connecting) },
  { title: 'CONNECTED', cell: ([, { connected }]) => count(connected) },
  {
    ...{ title: 'FAILED', cell: ([, one]) => count(failuresOf(one)) },
    style: ([, one]) => warned(failuresOf(one)),
  },
  { title: 'WHY', longest: 36, cell: ([, one]) => whyOf(one) },
  { title: 'IN', cell: ([, { bytesIn }]) => bytes(bytesIn) },
  { title: 'OUT', cell: ([, { bytesOut }]) => bytes(bytesOut) },
  {
    ...{ title: 'TARGETS', longest: 60, cell: ([, one]) => targetsOf(one) },
    style: ([, { targets }]) => warned(targets.filter(({ resting }) => resting).length),
  },
];

const METRICS: readonly TextColumn<readonly [string, SeenMetric]>[] = [
  { title: 'METRIC', longest: 64, cell: ([name]) => name },
  { title: 'KIND', longest: 9, cell: ([, { kind }]) => kind },
  {
    title: 'VALUE',
    cell: ([, metric]) =>
      metric.kind === 'histogram' ? count(metric.count) : number(metric.value),
  },
  { title: 'P50', cell: ([, metric]) => spread(metric, 0.5) },
  { title: 'P99', cell: ([, metric]) => spread(metric, 0.99) },
];

function spread(metric: SeenMetric, portion: number): string {
  return metric.kind === 'histogram' ? number(quantile(metric, portion)) : '';
}

const EMPTY: Line = [];

/** @param height lines there are; what matters less is left out first, and said */
export function screenOf(scene: Scene, height: number): Line[] {
  const top = [...headOf(scene), ...noticeLines(scene), EMPTY, ...totalsOf(scene), EMPTY];
  const workers = tableOf(WORKERS, rowsOf(scene));
  const connections = scene.connections === null ? [] : tableOf(CONNECTIONS, scene.connections);
  const upstreams = tableOf(UPSTREAMS, Object.entries(scene.service.stats.upstreams));
  const metrics = tableOf(METRICS, Object.entries(scene.service.stats.guest));
  const parts = [workers, upstreams, connections, metrics].filter((part) => part.length > 1);
  const lines = [...top];
  for (const [index, part] of parts.entries()) {
    // An equal share of what is left for each that is still to come, and more if those need less. A gap follows.
    const left = height - lines.length;
    const fair = Math.floor(left / (parts.length - index));
    const later = parts.slice(index + 1).map(({ length }) => Math.min(length + 1, fair));
    const share = later.reduce((rest, lines) => rest - lines, left) - 1;
    lines.push(...cut(part, Math.max(2, share)), EMPTY);
  }
  return lines.slice(0, height);
}

function cut(part: readonly Line[], most: number): readonly Line[] {
  if (part.length <= most) return part;
  const shown = part.slice(0, Math.max(1, most - 1));
  return [...shown, [piece(`… and ${count(part.length - shown.length)} more`, 'quiet')]];
}

function headOf({ status, service, history }: Scene): Line[] {
  const { version, process, startedAt, time, services } = status;
  const { module, listeners, state, name } = service;
  const at = services.findIndex((one) => one.name === name) + 1;
  const hash = module.sha256 === null ? '' : ` ${module.sha256.slice(0, 12)}`;
  return [
    [
      piece(`wasmpoll ${version}`, 'strong'),
      piece(`  pid ${process.pid}  up ${duration(time - startedAt)}`),
      piece(`  cpu ${percent(history.cores)}  memory ${bytes(process.rssBytes)}`),
    ],
    [
      piece(services.length > 1 ? `${at}/${services.length} ` : '', 'quiet'),
      piece(name, 'strong'),
      piece('  '),
      piece(state, styleOf(state)),
      piece(`  ${module.name}${hash}, ${several(module.swaps, 'swap')}`, 'quiet'),
      ...listeners.map(({ address, state }) => piece(`  ${address}`, styleOf(state))),
    ],
  ];
}

function noticeLines({ status, service, mine }: Scene): Line[] {
  return noticesOf(service, mine, status.time).map(({ bad, text }) => [
    piece(`! ${text}`, bad ? 'bad' : 'warn'),
  ]);
}

/** Names and values in columns, read downwards. */
function totalsOf({ service: { stats, policy }, mine: { total } }: Scene): Line[] {
  const { now } = total;
  const { open, refused } = stats.connections;
  const pool = `${bytes(stats.poolBytes)} of ${bytes(policy.poolBytes)}`;
  const columns: (readonly [string, string, Style?])[][] = [
    [
      ['messages', rate(now.messages)],
      ['in', byteRate(now.bytesIn)],
      ['out', byteRate(now.bytesOut)],
    ],
    [
      ['open', `${count(open)} of ${count(policy.maxConnections)}`],
      ['new', rate(now.accepted)],
      ['refused', count(refused), warned(refused)],
    ],
    [
      ['p50', latency(now.p50Ms)],
      ['p99', latency(now.p99Ms)],
      ['busy', percent(now.busy)],
    ],
    [
      ['traps', count(stats.guestTraps), warned(stats.guestTraps)],
      ['restarts', count(stats.workers.restarts), warned(stats.workers.restarts)],
      ['backlog', bytes(stats.backlogBytes)],
    ],
    [
      ['pool', pool],
      ['guests', bytes(stats.guestMemoryBytes)],
      ['errors', count(Object.values(stats.errors).reduce((sum, value) => sum + value, 0))],
    ],
  ];
  const blocks = columns.map((column) => tableOf(TOTALS, column).slice(1));
  return [0, 1, 2].map((line) =>
    blocks.flatMap((block): Piece[] => [...block[line]!, piece('  ')]),
  );
}

const TOTALS: readonly TextColumn<readonly [string, string, Style?]>[] = [
  { title: '', longest: 12, cell: ([name]) => name, style: () => 'quiet' },
  { title: '', cell: ([, value]) => value, style: ([, , style]) => style ?? 'strong' },
];

/** All together first: the table may be cut. Then the busiest. */
function rowsOf({ service: { workers, stats }, mine }: Scene): Row[] {
  const rows = workers.flatMap((counts): Row[] => {
    const subject = mine.workers.get(counts.index)?.subject;
    if (subject === undefined) return [];
    const { index, state, restarts } = counts;
    return [{ name: String(index), state, restarts, counts, subject }];
  });
  if (rows.length < 2) return rows;
  const { ready, total, restarts } = stats.workers;
  const all = { name: 'all', state: `${ready} of ${total}`, restarts, counts: stats };
  return [{ ...all, subject: mine.total }, ...rows];
}
