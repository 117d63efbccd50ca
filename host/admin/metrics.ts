// Metrics: what /metrics says, from what /status says: names, units and help. It knows no HTTP and no form.

import { settings } from '../policy.ts';
import type { ServerStatus } from '../server/status/status.ts';
import { Exposition, type Labels } from './exposition.ts';
import { guestMetrics } from './guest-metrics.ts';
import type { Reply } from './reply.ts';
import type { Status } from './services.ts';

type Service = Status['services'][number];
type Worker = ServerStatus['workers'][number];

const STATES = ['serving', 'leaving', 'draining', 'closed'] as const;

/** @param accept the header of the request */
export function metrics(status: Status, accept: string | undefined): Reply {
  const out = new Exposition(/application\/openmetrics-text/.test(accept ?? ''));
  addProcess(out, status);
  for (const service of status.services) {
    addService(out, service);
    addTraffic(out, service);
    addListening(out, service);
    addShared(out, service);
    addEngines(out, service);
    addUpstreams(out, service);
    for (const worker of service.workers) addWorker(out, service.name, worker);
  }
  // Last: their names give way.
  for (const { name, stats } of status.services) guestMetrics(out, name, stats.guest);
  return { status: 200, type: out.type, body: out.toString() };
}

// Where there is a name that monitoring systems know, it is that one.
function addProcess(out: Exposition, status: Status): void {
  const { cpuUserMs, cpuSystemMs, rssBytes, heapBytes, descriptorLimit, node } = status.process;
  const cpu = (cpuUserMs + cpuSystemMs) / 1000;
  out.counter('process_cpu_seconds', 'Processor time of all threads, user and system.', {}, cpu);
  out.gauge('process_resident_memory_bytes', 'Memory in use, RSS.', {}, rssBytes);
  out.gauge('process_max_fds', 'Limit of open file descriptors.', {}, descriptorLimit);
  const started = status.startedAt / 1000;
  out.gauge('process_start_time_seconds', 'Start of the process, since 1970.', {}, started);
  out.gauge('wasmpoll_main_heap_bytes', 'JavaScript heap of the main thread.', {}, heapBytes);
  const labels = { version: status.version, node };
  out.gauge('wasmpoll_build_info', 'Always 1; the labels say what runs.', labels, 1);
}

function addService(out: Exposition, { name, ...status }: Service): void {
  const service = { service: name };
  const { module, policy, listeners, stats } = status;
  for (const state of STATES) {
    const is = Number(state === status.state);
    out.gauge(
      'wasmpoll_state',
      '1 for the state that the service is in.',
      { ...service, state },
      is,
    );
  }
  const started = status.startedAt / 1000;
  out.gauge('wasmpoll_start_time_seconds', 'Start of the service, since 1970.', service, started);
  const which = { ...service, module: module.name, sha256: module.sha256 ?? '' };
  out.gauge('wasmpoll_module_info', 'Always 1; the labels say which module serves.', which, 1);
  const loaded = module.loadedAt / 1000;
  out.gauge(
    'wasmpoll_module_loaded_time_seconds',
    'When it was loaded, since 1970.',
    service,
    loaded,
  );
  out.counter('wasmpoll_swaps', 'Swaps of the module.', service, module.swaps);
  for (const { address, state } of listeners) {
    const labels = { ...service, listener: address };
    const up = Number(state === 'listening');
    out.gauge('wasmpoll_listener_up', '1 while the listener accepts.', labels, up);
  }
  for (const [setting, { unit }] of Object.entries(settings)) {
    const value = policy[setting as keyof typeof policy];
    const labels = { ...service, setting };
    if (unit === 'ms')
      out.gauge('wasmpoll_setting_seconds', 'Times in force.', labels, value / 1000);
    else if (unit === 'bytes')
      out.gauge('wasmpoll_setting_bytes', 'Sizes in force.', labels, value);
    else out.gauge('wasmpoll_setting_limit', 'Other limits in force.', labels, value);
  }
  const { total, ready, restarts } = stats.workers;
  out.gauge('wasmpoll_workers', 'Worker threads.', service, total);
  out.gauge('wasmpoll_workers_ready', 'Worker threads that serve.', service, ready);
  out.counter('wasmpoll_restarts', 'Worker threads that were replaced.', service, restarts);
}

function addTraffic(out: Exposition, { name, stats }: Service): void {
  const service = { service: name };
  const { open, total, refused } = stats.connections;
  out.gauge('wasmpoll_connections_open', 'Open connections.', service, open);
  out.counter('wasmpoll_connections', 'Connections that were opened.', service, total);
  out.counter('wasmpoll_connections_refused', 'Connections closed at once.', service, refused);
  out.counter('wasmpoll_received_bytes', 'Bytes received from peers.', service, stats.bytesIn);
  out.counter(
    'wasmpoll_sent_bytes',
    'Bytes that the kernel took for peers.',
    service,
    stats.bytesOut,
  );
  out.counter('wasmpoll_messages', 'on_data callbacks.', service, stats.messages);
  out.gauge('wasmpoll_backlog_bytes', 'Output that waits for peers.', service, stats.backlogBytes);
  out.gauge(
    'wasmpoll_pool_bytes',
    'Pages in use for output and held input.',
    service,
    stats.poolBytes,
  );
  const memory = stats.guestMemoryBytes;
  out.gauge('wasmpoll_guest_memory_bytes', 'Linear memory of the guests.', service, memory);
  out.counter('wasmpoll_traps', 'Callbacks in which a guest failed.', service, stats.guestTraps);
  const dropped = stats.logLinesDropped;
  out.counter('wasmpoll_log_lines_dropped', 'Lines of guests beyond the limit.', service, dropped);
  for (const [error, count] of Object.entries(stats.errors)) {
    const labels = { ...service, error };
    out.counter('wasmpoll_errors', 'Connections and guests that failed, by why.', labels, count);
  }
  if (stats.histograms === null) return;
  const { callbackMs, connectionMs } = stats.histograms;
  const callbacks = 'How long callbacks took.';
  out.histogram('wasmpoll_callback_duration_seconds', callbacks, service, callbackMs, 0.001);
  const connections = 'How long connections that are over were open.';
  out.histogram('wasmpoll_connection_duration_seconds', connections, service, connectionMs, 0.001);
}

function addListening(out: Exposition, { name, stats: { addresses, tls } }: Service): void {
  const service = { service: name };
  const known = 'Addresses in the table of connectionsPerAddress and acceptRate.';
  out.gauge('wasmpoll_addresses', known, service, addresses);
  if (tls === undefined) return;
  const counter = (metric: string, help: string, value: number): void =>
    out.counter(`wasmpoll_tls_${metric}`, help, service, value);
  counter('handshakes', 'Handshakes that were done.', tls.handshakes);
  counter('resumed', 'Handshakes that resumed a session.', tls.resumed);
  counter('truncated', 'Streams that ended without a word of it.', tls.truncated);
  counter('received_bytes', 'Ciphertext received.', tls.wireBytesIn);
  counter('sent_bytes', 'Ciphertext sent.', tls.wireBytesOut);
  for (const [cause, count] of Object.entries(tls.failed)) {
    out.counter('wasmpoll_tls_failed', 'Sessions that failed.', { ...service, cause }, count);
  }
}

function addShared(out: Exposition, { name, stats: { shared } }: Service): void {
  const service = { service: name };
  const gauge = (metric: string, help: string, value: number): void =>
    out.gauge(`wasmpoll_shared_${metric}`, help, service, value);
  const counter = (metric: string, help: string, value: number): void =>
    out.counter(`wasmpoll_shared_${metric}`, help, service, value);
  gauge('topics', 'Topics and patterns that have members.', shared.topics);
  gauge('members', 'Members of topics.', shared.members);
  gauge('retained', 'Messages that are retained.', shared.retained);
  gauge('group_bytes', 'Of groupBytes, what is used.', shared.groupBytes);
  gauge('keys', 'Keys in this process.', shared.keys);
  gauge('store_bytes', 'Of storeBytes, what is used.', shared.storeBytes);
  gauge('queue_bytes', 'Messages that wait for workers and the program.', shared.queueBytes);
  gauge('pending', 'Requests that wait for their answer.', shared.pending);
  counter('published', 'Messages published.', shared.published);
  counter('delivered', 'Messages given to members.', shared.delivered);
  counter('missed', 'Times a member was told that it missed messages.', shared.missed);
  counter('left_out', 'Messages a worker did not get, since too many waited.', shared.leftOut);
  counter('poisoned', 'Messages given to nobody, since a guest failed with one.', shared.poisoned);
}

function addEngines(out: Exposition, { name, stats: { engines } }: Service): void {
  const service = { service: name };
  const ready = Number(engines.ready);
  out.gauge('wasmpoll_engines_ready', '1 while every engine is connected.', service, ready);
  for (const [use, engine] of Object.entries({ store: engines.store, topics: engines.topics })) {
    if (engine === null) continue;
    const labels = { ...service, use, engine: engine.engine };
    const connected = Number(engine.connected);
    out.gauge('wasmpoll_engine_connected', '1 while it is connected.', labels, connected);
    const { reconnects } = engine;
    out.counter('wasmpoll_engine_reconnects', 'Times it was reached again.', labels, reconnects);
  }
  if (engines.store !== null) {
    const { pending, unknown, unavailable } = engines.store;
    out.gauge('wasmpoll_store_pending', 'Requests on their way to the engine.', service, pending);
    out.counter('wasmpoll_store_unknown', 'Requests answered UNKNOWN.', service, unknown);
    out.counter(
      'wasmpoll_store_unavailable',
      'Requests answered UNAVAILABLE.',
      service,
      unavailable,
    );
  }
  if (engines.topics === null) return;
  const { sent, received, lost, gaps, malformed } = engines.topics;
  out.counter('wasmpoll_topics_sent', 'Frames sent to other processes.', service, sent);
  out.counter('wasmpoll_topics_received', 'Frames received from others.', service, received);
  out.counter('wasmpoll_topics_lost', 'Frames that did not reach the others.', service, lost);
  out.counter('wasmpoll_topics_gaps', 'Times in which others were not heard.', service, gaps);
  out.counter('wasmpoll_topics_malformed', 'What came in and is no frame.', service, malformed);
}

function addUpstreams(out: Exposition, { name, stats: { upstreams } }: Service): void {
  for (const [upstream, one] of Object.entries(upstreams)) {
    const labels = { service: name, upstream };
    const gauge = (metric: string, help: string, value: number): void =>
      out.gauge(`wasmpoll_upstream_${metric}`, help, labels, value);
    const counter = (metric: string, help: string, value: number): void =>
      out.counter(`wasmpoll_upstream_${metric}`, help, labels, value);
    gauge('connections_open', 'Connections to it, and those being made.', one.open);
    gauge('connecting', 'Connections to it that are being made.', one.connecting);
    counter('connections', 'Connections to it that were made.', one.connected);
    counter('cancelled', 'Connections given up while they were being made.', one.cancelled);
    counter('received_bytes', 'Bytes received from it.', one.bytesIn);
    counter('sent_bytes', 'Bytes that the kernel took for it.', one.bytesOut);
    for (const [cause, count] of Object.entries(one.failed)) {
      const failed = 'Connections to it that could not be made.';
      out.counter('wasmpoll_upstream_failed', failed, { ...labels, cause }, count);
    }
    for (const { address: target, resting } of one.targets) {
      const up = '0 while the target rests, since it has failed.';
      out.gauge('wasmpoll_upstream_target_up', up, { ...labels, target }, Number(!resting));
    }
  }
}

// Names of their own: a sum over those of the service would count everything twice.
function addWorker(out: Exposition, service: string, worker: Worker): void {
  const labels: Labels = { service, worker: worker.index };
  const gauge = (metric: string, help: string, value: number): void =>
    out.gauge(`wasmpoll_worker_${metric}`, help, labels, value);
  const counter = (metric: string, help: string, value: number): void =>
    out.counter(`wasmpoll_worker_${metric}`, help, labels, value);
  gauge('up', '1 while its thread serves.', Number(worker.state !== 'starting'));
  counter('restarts', 'Times its thread was replaced.', worker.restarts);
  gauge('connections_open', 'Its open connections.', worker.connections.open);
  counter('messages', 'Its on_data callbacks.', worker.messages);
  counter('received_bytes', 'Bytes it received.', worker.bytesIn);
  counter('sent_bytes', 'Bytes it sent.', worker.bytesOut);
  gauge('backlog_bytes', 'Its output that waits.', worker.backlogBytes);
  gauge('pool_bytes', 'Its pages in use.', worker.poolBytes);
  gauge('guest_memory_bytes', "Its guest's memory.", worker.guestMemoryBytes);
  counter('traps', 'Its callbacks that failed.', worker.guestTraps);
}
