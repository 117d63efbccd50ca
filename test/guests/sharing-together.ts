// As sharing.ts, and replies that have come together are taken together: how many, and then each as there.

import { log } from '../../assembly/wasmpoll';
import { on_reply } from './sharing';

export * from './sharing';

const ROW_BYTES: i32 = 16;
// `together ` and three digits
const line: usize = memory.data<u8>([
  0x74, 0x6f, 0x67, 0x65, 0x74, 0x68, 0x65, 0x72, 0x20, 0, 0, 0,
]);

export function on_replies(connection: i32, block: usize, rows: usize, count: i32): void {
  store<u8>(line + 9, 0x30 + count / 100);
  store<u8>(line + 10, 0x30 + ((count / 10) % 10));
  store<u8>(line + 11, 0x30 + (count % 10));
  log(1, line, 12);
  for (let i = 0, row = rows; i < count; i += 1, row += ROW_BYTES) {
    const data = load<u32>(row, 8);
    on_reply(connection, block, load<i32>(row), load<i32>(row, 4), data, load<i32>(row, 12));
  }
}
