// The guest that counts lines, with a state block of the class that it extends.

import { Session, stateSize } from '../../../assembly/kit';

export * from './unsized';

export function state_size(): i32 {
  return stateSize<Session>();
}
