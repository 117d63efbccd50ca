// Admin, from the command line: opened before what it shows, and closed behind it.

import type { Admin } from '../admin/admin.ts';
import { LogTail } from '../admin/log-tail.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Logger } from '../server/logger.ts';

export interface AdminFlags {
  admin?: readonly string[];
  adminAllowRemote?: boolean;
}

/** Calls `serving` with what answers operators, or null without `admin`, and with the logger to write to. */
export async function withAdmin(
  { admin, adminAllowRemote = false }: AdminFlags,
  logger: Logger,
  serving: (admin: Admin | null, logger: Logger) => Promise<void>,
): Promise<void> {
  if (admin === undefined) return serving(null, logger);
  const logs = new LogTail(logger);
  const { Admin } = await import('../admin/admin.ts');
  const options = { listen: admin, allowRemote: adminAllowRemote, logs, logger: logs };
  const opened = await Admin.open(options).catch((error: unknown) => {
    if (error instanceof WasmpollError) throw error;
    throw new Error(`admin: ${messageOf(error)}`, { cause: error });
  });
  try {
    for (const address of opened.addresses) logger.info({ address }, 'admin listens');
    await serving(opened, logs);
  } finally {
    await opened.close();
  }
}
