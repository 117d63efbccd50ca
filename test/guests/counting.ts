// Echo that counts its messages, and cannot take over from a guest without a state block.

import { METRIC_COUNTER, METRIC_GAUGE } from '../../assembly/abi';
import { measure, metric, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

export function _initialize(): void {
  declare(METRIC_COUNTER, 'hits');
  declare(METRIC_GAUGE, 'level');
}

function declare(kind: i32, name: string): void {
  const bytes = String.UTF8.encode(name);
  metric(kind, changetype<usize>(bytes), bytes.byteLength);
}

export function state_size(): i32 {
  return 16;
}

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  measure(0, 1);
  send(connection, data, length);
  return length;
}
