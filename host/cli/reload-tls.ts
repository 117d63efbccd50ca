// Reload: a server reads its certificates again, as part of what SIGHUP does.

import { messageOf } from '../errors.ts';
import type { Logger } from '../server/logger.ts';
import type { Server } from '../server/server.ts';

/** Those that are wrong change nothing, and are told. */
export function reloadTls(server: Server, logger: Logger): void {
  try {
    server.reloadTls();
  } catch (error) {
    const { code } = error as { code?: string };
    logger.error({ code }, `certificates are as before: ${messageOf(error)}`);
  }
}
