// Takeover: whether a module can go on with the connections of another. It compares what both say of
// their state blocks and have for shared state, and moves nothing.

import { TakeoverError } from '../errors.ts';
import { agree, type Layout } from '../memory/state-blocks.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';

/** What a connection of the module may wait for, and would wait for in vain. */
const AWAITED = ['on_message', 'on_reply', 'on_connect'];

/**
 * Whether a module can take over another one's connections, with the state blocks that they have.
 * @throws WasmpollError ERR_GUEST when it cannot
 */
export function checkTakeover(
  before: GuestModule,
  now: Layout,
  next: Layout,
  module: GuestModule,
  policy: Policy,
): void {
  const refuse = (why: string): never => {
    throw new TakeoverError(`${module.name}: cannot take over: ${why}`);
  };
  for (const name of AWAITED) {
    if (!before.exports.has(name) || module.exports.has(name)) continue;
    refuse(`${before.name} has ${name}, and it has none; export it, or restart the server with it`);
  }
  if (agree(now, next)) return;
  if (!module.exports.has('migrate')) {
    refuse(
      `state blocks have ${now.bytes} bytes of version ${now.version}, it expects ${next.bytes} of ` +
        `version ${next.version} and has no migrate; export migrate, or restart the server with it`,
    );
  }
  if (now.bytes > policy.receiveWindowBytes) {
    refuse(
      `state blocks have ${now.bytes} bytes, over the window of ${policy.receiveWindowBytes} in ` +
        'which migrate is given them; raise receiveWindowBytes, or restart the server with it',
    );
  }
}
