// Surroundings: what else a guest asks the host for: to publish, to log, for chance, and to be measured.

import { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } from '../abi';
import * as raw from '../wasmpoll';
import { Bytes, view } from './bytes';
import { utf8 } from './output';

export { now, wall_clock } from '../wasmpoll';

/** To all members of a topic. PUBLISH_RETAIN and PUBLISH_OTHERS. @returns a status: OK or LIMIT */
export function publish(topic: Bytes, data: Bytes, flags: i32 = 0): i32 {
  return raw.publish(topic.at, topic.length, data.at, data.length, flags);
}

/** To all members of a topic; what PUBLISH_RETAIN keeps is over after so many milliseconds. @returns a status: OK or LIMIT */
export function publishFor(topic: Bytes, data: Bytes, flags: i32, milliseconds: u32): i32 {
  return raw.publish_for(topic.at, topic.length, data.at, data.length, flags, milliseconds);
}

/** Logs a line at LOG_DEBUG to LOG_ERROR. */
export function log(level: i32, text: string): void {
  logBytes(level, utf8(text));
}

export function logBytes(level: i32, bytes: Bytes): void {
  raw.log(level, bytes.at, bytes.length);
}

const RANDOM_BYTES: i32 = 256;
const chance: usize = memory.data(256);

/** At most 256 random bytes, fit for keys, until the next ones. */
export function random(length: i32): Bytes {
  assert(length <= RANDOM_BYTES && raw.random(chance, length) === 0, 'at most 256 random bytes');
  return view(chance, length);
}

/**
 * Metrics are declared in `_initialize`, which the guest exports: nothing is known of them before.
 * A name is `[a-z_][a-z0-9_]*`, at most 64 bytes.
 */
@unmanaged
class Metric {
  protected metric: i32;

  constructor(kind: i32, name: string) {
    const bytes = utf8(name);
    this.metric = raw.metric(kind, bytes.at, bytes.length);
    assert(this.metric >= 0, 'a metric is declared in _initialize, by a name that it may have');
  }
}

/** What only grows. */
@unmanaged
export class Counter extends Metric {
  constructor(name: string) {
    super(METRIC_COUNTER, name);
  }

  add(value: f64 = 1): void {
    raw.measure(this.metric, value);
  }
}

/** What goes up and down. */
@unmanaged
export class Gauge extends Metric {
  constructor(name: string) {
    super(METRIC_GAUGE, name);
  }

  set(value: f64): void {
    raw.measure(this.metric, value);
  }
}

/** How values are spread, in buckets of 1, 2 and 5 times the powers of ten. */
@unmanaged
export class Histogram extends Metric {
  constructor(name: string) {
    super(METRIC_HISTOGRAM, name);
  }

  record(value: f64): void {
    raw.measure(this.metric, value);
  }
}
