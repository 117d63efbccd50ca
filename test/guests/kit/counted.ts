// The guest that counts lines, with a state block that it has measured by itself.

import { Client } from './unsized';

export * from './unsized';

export function state_size(): i32 {
  return offsetof<Client>();
}
