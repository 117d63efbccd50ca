// What the dashboard and `wasmpoll top` make of an admin socket's JSON: figures, quantiles, history, notices.

import test from 'ava';
import { Services, type Status } from '../../host/admin/services.ts';
import {
  byteRate,
  bytes,
  count,
  duration,
  latency,
  number,
  percent,
  rate,
} from '../../host/admin/view/figures.ts';
import { History } from '../../host/admin/view/history.ts';
import { noticesOf } from '../../host/admin/view/notices.ts';
import { areaOf, barsOf, lineOf } from '../../host/admin/view/paths.ts';
import { between, quantile } from '../../host/admin/view/quantile.ts';
import type { SeenService, SeenStatus } from '../../host/admin/view/seen.ts';
import { Series, SLOT_MS, SLOTS } from '../../host/admin/view/series.ts';
import { termsOf } from '../../host/admin/view/terms.ts';
import { serve } from '../../host/server/serve.ts';
import { countsOf, histogramOf, serviceOf, statusOf, workerOf } from '../helpers/fake-admin.ts';

/** The compiler compares: what a server answers is what the page reads. */
const seenOf = (status: Status): SeenStatus => status;

test('the status of a real server is understood', async (t) => {
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 0 });
  t.teardown(() => server.close());
  const services = new Services();
  services.add('echo', { server });
  const history = new History();
  const status = seenOf(services.status);
  history.take(status);
  const [service] = status.services;
  t.is([...history.of('echo').charts.open.upTo(status.time)].at(-1), 0);
  t.deepEqual(noticesOf(service!, history.of('echo'), status.time), []);
});

test('figures have at most three digits beyond a hundred thousand, and a unit', (t) => {
  t.deepEqual([0, 999, 12_345, 99_999, 100_000, 999_500, 1e9, 1.234e12, -5, -123_456].map(count), [
    '0',
    '999',
    '12,345',
    '99,999',
    '100 k',
    '1.00 M',
    '1.00 G',
    '1.23 T',
    '-5',
    '-123 k',
  ]);
  t.deepEqual([0, 1023, 1024, 1024 * 1023, 5e15].map(bytes), [
    ...['0 B', '1.00 KiB', '1.00 KiB', '1.00 MiB', '4.44 PiB'],
  ]);
  t.deepEqual([0, 0.25, 9.94, 9.96, 9999, 12_345, 1e9].map(rate), [
    ...['0 /s', '0.3 /s', '9.9 /s', '10 /s', '9,999 /s', '12.3 k/s', '1.00 G/s'],
  ]);
  t.deepEqual([0, 0.001, 0.9996, 1, 999.6, 61_000].map(latency), [
    ...['0 ms', '1.00 µs', '1.00 ms', '1.00 ms', '1.00 s', '1 min 1 s'],
  ]);
  t.deepEqual([0, 59_999, 3_600_000, 90_061_000].map(duration), [
    ...['0 s', '59 s', '1 h', '1 d 1 h'],
  ]);
  t.deepEqual([0, 0.012, 1, 7000].map(percent), ['0 %', '1.2 %', '100 %', '700 k %']);
  t.deepEqual([0.25, 1e-9, 1234.5, -3].map(number), ['0.25', '1.0e-9', '1,235', '-3']);
});

test('a number that is not known is a dash in every form', (t) => {
  for (const form of [count, bytes, byteRate, rate, latency, duration, percent, number]) {
    t.is(form(null), '–');
    t.is(form(Number.NaN), '–');
    t.is(form(Number.POSITIVE_INFINITY), '–');
  }
});

test('a quantile lies within its bucket by proportion, and beyond the last one at its bound', (t) => {
  const buckets = [
    { le: 1, count: 50 },
    { le: 2, count: 50 },
    { le: 5, count: 90 },
  ];
  const histogram = { count: 100, sum: 300, buckets };
  t.is(quantile(histogram, 0.25), 0.5);
  t.is(quantile(histogram, 0.7), 3.5);
  t.is(quantile(histogram, 0.99), 5);
  t.is(quantile({ count: 0, sum: 0, buckets: [] }, 0.5), null);
});

test('what was counted between two looks is their difference', (t) => {
  const [before, now] = [histogramOf(1000, 1), histogramOf(3000, 1)];
  const recent = between(now, before);
  t.is(recent.count, 2000);
  t.is(recent.buckets.at(-1)?.count, now.buckets.at(-1)!.count - before.buckets.at(-1)!.count);
  t.is(between(now, null), now);
});

test('a series has ten minutes, folds what falls into one slot, and leaves gaps', (t) => {
  const start = 1_000_000 * SLOT_MS;
  const mean = new Series('mean');
  mean.add(start, 10);
  mean.add(start + 1000, 20);
  mean.add(start + 1500, null);
  mean.add(start + 2 * SLOT_MS, 7);
  const values = mean.upTo(start + 2 * SLOT_MS);
  t.is(values.length, SLOTS);
  t.deepEqual([...values.slice(-3)], [15, Number.NaN, 7]);
  t.true([...values.slice(0, -3)].every(Number.isNaN));
  const later = mean.upTo(start + (SLOTS - 1) * SLOT_MS);
  t.is(later[0], 15);
  t.true([...mean.upTo(start + 10 * SLOTS * SLOT_MS)].every(Number.isNaN));
});

test('a series keeps the largest, or the sum, of a slot', (t) => {
  const [most, sum] = [new Series('max'), new Series('sum')];
  for (const value of [3, 9, 4]) {
    most.add(0, value);
    sum.add(0, value);
  }
  t.deepEqual([most.upTo(0).at(-1), sum.upTo(0).at(-1)], [9, 16]);
});

test('a clock that is set back does not bring old values back', (t) => {
  const series = new Series('mean');
  for (let slot = 1000; slot < 1000 + SLOTS; slot += 1) series.add(slot * SLOT_MS, 1);
  series.add(10 * SLOT_MS, 5);
  const values = [...series.upTo(10 * SLOT_MS)];
  t.is(values.at(-1), 5);
  t.true(values.slice(0, -1).every(Number.isNaN));
});

test('lines break at gaps, and a lone value is a dot', (t) => {
  const values = Float64Array.of(1, 1, Number.NaN, 1, Number.NaN);
  t.is(lineOf(values, 1), 'M0 2.0L1 2.0M3 2.0h.01');
  t.is(areaOf(values, 1), 'M0 48L0 2.0L1 2.0L1 48ZM3 48L3 2.0');
  t.is(barsOf(Float64Array.of(0, 2, Number.NaN), null, 4), 'M1 46.0V24.0');
  t.is(barsOf(Float64Array.of(0, 2), Float64Array.of(0, 2), 4), 'M1 24.0V2.0');
});

const START = 1_700_000_000_000;

function historyOf(services: readonly ((look: number) => SeenService)[], looks: number): History {
  const history = new History();
  for (let look = 0; look < looks; look += 1) {
    const time = START + look * 1000;
    history.take(
      statusOf(
        services.map((service) => service(look)),
        { time, startedAt: 1 },
      ),
    );
  }
  return history;
}

test('rates and quantiles follow from one look after another', (t) => {
  const service = (look: number): SeenService =>
    serviceOf('echo', [
      workerOf(0, countsOf(1000 * look, 5)),
      workerOf(1, countsOf(500 * look, 5)),
    ]);
  const history = historyOf([service], 5);
  const { total, workers, charts } = history.of('echo');
  t.is(total.now.messages, 1500);
  t.is(total.now.bytesIn, 1500 * 64);
  t.is(workers.get(1)?.subject.now.messages, 500);
  t.true(total.now.p50Ms! > 0 && total.now.p50Ms! < total.now.p99Ms!);
  const [last] = [...charts.messages.upTo(START + 4000)].slice(-1);
  t.is(last, 1500);
});

test('nothing is known at the first look, nor after a pause or a restart of the process', (t) => {
  const service = (look: number): SeenService =>
    serviceOf('echo', [workerOf(0, countsOf(1000 * look, 5))]);
  const history = historyOf([service], 1);
  t.is(history.of('echo').total.now.messages, null);
  history.take(statusOf([service(2)], { time: START + 60_000, startedAt: 1 }));
  t.is(history.of('echo').total.now.messages, null);
  history.take(statusOf([service(3)], { time: START + 61_000, startedAt: 1 }));
  t.is(history.of('echo').total.now.messages, 1000);
  history.take(statusOf([service(9)], { time: START + 62_000, startedAt: 2 }));
  t.is(history.of('echo').total.now.messages, null);
  t.is([...history.of('echo').charts.messages.upTo(START + 61_000)].at(-1), 1000);
});

test('the same status twice changes nothing', (t) => {
  const service = (look: number): SeenService =>
    serviceOf('echo', [workerOf(0, countsOf(1000 * look, 5))]);
  const history = historyOf([service], 3);
  history.take(statusOf([service(3)], { time: START + 2000, startedAt: 1 }));
  t.is(history.of('echo').total.now.messages, 1000);
});

test('a service that is gone is forgotten, and so is a worker', (t) => {
  const two = (name: string) => (): SeenService =>
    serviceOf(name, [workerOf(0, countsOf(0, 0)), workerOf(1, countsOf(0, 0))]);
  const history = historyOf([two('echo'), two('chat')], 2);
  const one = serviceOf('chat', [workerOf(1, countsOf(0, 0))]);
  history.take(statusOf([one], { time: START + 3000, startedAt: 1 }));
  t.deepEqual([...history.services.keys()], ['chat']);
  t.deepEqual([...history.of('chat').workers.keys()], [1]);
});

test('a worker that hung, one that starts, a listener and an engine are noticed', (t) => {
  const bad = {
    listeners: [{ address: '127.0.0.1:1', state: 'paused' }],
  };
  const service = (look: number): SeenService => {
    const hung = look > 1 ? 1 : 0;
    const counts = countsOf(10 * look, 1, { errors: { HUNG: hung }, guestTraps: hung });
    const workers = [
      workerOf(0, countsOf(look, 1)),
      workerOf(1, counts, { restarts: hung, state: 'starting' }),
    ];
    const { stats, ...rest } = serviceOf('echo', workers, bad);
    return { ...rest, stats: { ...stats, engines: { ready: false, store: {}, topics: null } } };
  };
  const history = historyOf([service], 4);
  const notices = noticesOf(service(3), history.of('echo'), START + 3000);
  t.deepEqual(notices, [
    { bad: true, text: '127.0.0.1:1 is paused' },
    { bad: true, text: 'Worker 1 is starting' },
    { bad: true, text: 'Worker 1 was replaced 1 s ago: a callback hung' },
    { bad: false, text: '1 callback has trapped in the last minute: the log says where' },
    { bad: true, text: 'An engine is not connected' },
  ]);
  t.is(noticesOf(service(3), history.of('echo'), START + 600_000).length, 3);
});

test('a service that is well has no notice, and one that ends says so', (t) => {
  const service = serviceOf('echo', [workerOf(0, countsOf(1, 1))]);
  const mine = new History().of('echo');
  t.deepEqual(noticesOf(service, mine, START), []);
  for (const state of ['leaving', 'draining', 'closed']) {
    t.is(noticesOf({ ...service, state }, mine, START).length, 1);
  }
});

test('many workers are counted, and few are named', (t) => {
  const workers = Array.from({ length: 9 }, (_, index) =>
    workerOf(index, countsOf(0, 0), { state: index < 5 ? 'starting' : 'serving' }),
  );
  const [notice] = noticesOf(serviceOf('echo', workers), new History().of('echo'), START);
  t.is(notice?.text, '5 workers are starting');
});

test('counters by name are shown in words, bytes as bytes, kinds as their sum', (t) => {
  t.deepEqual(termsOf({ leftOut: 3, storeBytes: 2048, ready: true, engine: 'x', none: null }), [
    { name: 'left out', value: '3' },
    { name: 'store', value: '2.00 KiB' },
    { name: 'ready', value: 'yes' },
    { name: 'engine', value: 'x' },
  ]);
  t.deepEqual(termsOf({ wireBytesIn: 2048, failed: { alert: 2, flood: 1, none: '' } }), [
    { name: 'wire in', value: '2.00 KiB' },
    { name: 'failed', value: '3' },
  ]);
});
