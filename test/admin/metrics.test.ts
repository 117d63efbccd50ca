// /metrics as a monitoring system reads it.

import path from 'node:path';
import test from 'ava';
import { Exposition } from '../../host/admin/exposition.ts';
import { guestMetrics } from '../../host/admin/guest-metrics.ts';
import { openAdmin, serve } from '../../host/index.ts';
import { ask } from '../helpers/admin.ts';
import { connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { temporary } from '../helpers/process.ts';

interface Sample {
  readonly family: string;
  readonly labels: string;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`;
const SAMPLE = new RegExp(`^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (\\S+)$`);

/** Reads the text as strictly as the format's definition says. @throws Error at the first line that is wrong */
function parse(text: string, openMetrics: boolean): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  const seen = new Set<string>();
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  if (openMetrics && lines.pop() !== '# EOF') throw new Error('there is no # EOF');
  let [family, kind] = ['', ''];
  for (const line of lines) {
    const help = new RegExp(`^# HELP (${NAME}) .+$`).exec(line);
    const typed = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (help !== null) {
      if (seen.has(help[1]!)) throw new Error(`twice: ${line}`);
      seen.add(help[1]!);
      family = help[1]!;
    } else if (typed !== null) {
      if (typed[1] !== family) throw new Error(`no HELP before: ${line}`);
      kind = typed[2]!;
    } else {
      const found = SAMPLE.exec(line);
      if (found === null) throw new Error(`no sample: ${line}`);
      const [, name, labels = '', value] = found;
      const total = openMetrics && kind === 'counter' ? `${family}_total` : family;
      const names =
        kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => family + end) : [total];
      if (!names.includes(name!)) throw new Error(`not of ${family}: ${line}`);
      const list = samples.get(name!) ?? [];
      if (list.some((other) => other.labels === labels)) throw new Error(`twice: ${line}`);
      list.push({ family, labels, value: value === '+Inf' ? Infinity : Number(value) });
      samples.set(name!, list);
    }
  }
  return samples;
}

test('both forms are well-formed, and say the same', async (t) => {
  const server = await serve({
    protocol: compiledGuest('counting'),
    listen: '127.0.0.1:0',
    policy: { drainQuietMs: 0 },
    workers: 2,
    histograms: true,
    upstreams: { db: '127.0.0.1:1,unix:/"x', any: '*:443' },
  });
  t.teardown(() => server.close());
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('hello');
  client.end();
  await client.readAll();
  const socket = `unix:${path.join(temporary(t), 'a.sock')}`;
  await using _ = await openAdmin({ 'a "b"\\c\n': server }, { listen: socket });
  // The client may hear of its end before it is counted.
  const ended = /^wasmpoll_connection_duration_seconds_count\{.*\} 1$/m;
  while (!ended.test((await ask(socket, '/metrics')).text));
  const plain = await ask(socket, '/metrics');
  t.is(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const accept = 'application/openmetrics-text; version=1.0.0, text/plain;q=0.5';
  const open = await ask(socket, '/metrics', { headers: { accept } });
  t.regex(open.headers['content-type']!, /^application\/openmetrics-text; version=1\.0\.0/);
  const one = parse(plain.text, false);
  const other = parse(open.text, true);
  t.deepEqual([...one.keys()].sort(), [...other.keys()].sort());
  const service = '{service="a \\"b\\"\\\\c\\n"}';
  const value = (name: string): number | undefined =>
    one.get(name)?.find(({ labels }) => labels === service)?.value;
  t.is(value('wasmpoll_received_bytes_total'), 5);
  t.is(value('wasmpoll_connections_total'), 1);
  t.is(value('wasmpoll_connection_duration_seconds_count'), 1);
  t.true(value('wasmpoll_callback_duration_seconds_count')! >= 1);
  t.true(value('wasmpoll_callback_duration_seconds_sum')! > 0);
  t.is(one.get('wasmpoll_worker_up')!.length, 2);
  t.true([...one.keys()].some((name) => name.startsWith('wasmpoll_guest_')));
  t.is(one.get('wasmpoll_upstream_connections_open')!.length, 2);
  t.deepEqual(
    one.get('wasmpoll_upstream_target_up')!.map(({ labels, value }) => [labels, value]),
    ['127.0.0.1:1', 'unix:/\\"x'].map((target) => [
      `${service.slice(0, -1)},upstream="db",target="${target}"}`,
      1,
    ]),
  );
  const buckets = one.get('wasmpoll_callback_duration_seconds_bucket')!.map(({ value }) => value);
  t.deepEqual(
    buckets,
    [...buckets].sort((a, b) => a - b),
  );
});

test("a guest's names give way, whatever they are", (t) => {
  const histogram = {
    kind: 'histogram',
    count: 1,
    sum: 2,
    buckets: [{ le: 5, count: 1 }],
  } as const;
  for (const openMetrics of [false, true]) {
    const out = new Exposition(openMetrics);
    out.gauge('wasmpoll_guest_memory_bytes', 'The host has it.', { service: 'one' }, 1);
    const gauge = { kind: 'gauge', value: Number.NaN } as const;
    const counter = { kind: 'counter', value: 1e21 } as const;
    guestMetrics(out, 'one', { memory_bytes: gauge, x: histogram, x_count: gauge, y_total: gauge });
    guestMetrics(out, 'two', { x: counter, y: counter, y_total: counter, x_bucket: counter });
    const samples = parse(out.toString(), openMetrics);
    t.is(samples.get('wasmpoll_guest_memory_bytes')!.length, 1);
    t.is(samples.get('wasmpoll_guest_memory_bytes_gauge')!.length, 1);
    t.is([...samples.values()].flat().length, 1 + 1 + 4 + 1 + 1 + 4);
  }
});
