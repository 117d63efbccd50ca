// Health: whether the process is alive and whether it should be sent clients, with the reason if not.

import type { ServerStatus } from '../server/status.ts';
import { line, type Reply } from './reply.ts';
import type { Services } from './services.ts';

/** 200 while this thread and every worker turn. That it answers shows that this thread does. */
export function health(services: Services): Reply {
  for (const [name, server] of services.all) {
    const { reason } = server.health();
    if (reason !== null) return line(503, `${name}: ${reason}`);
  }
  return line(200, 'ok');
}

/** 200 when every server serves, listens, and reaches what it needs. */
export function readiness(services: Services): Reply {
  if (services.starting) return line(503, 'starting');
  for (const [name, server] of services.all) {
    const reason = unreadiness(server.status());
    if (reason !== null) return line(503, `${name}: ${reason}`);
  }
  return line(200, 'ready');
}

function unreadiness({ state, listeners, workers, stats }: ServerStatus): string | null {
  if (state !== 'serving') return state;
  const silent = listeners.find((listener) => listener.state !== 'listening');
  if (silent !== undefined) return `${silent.address} is ${silent.state}`;
  const starting = workers.find((worker) => worker.state === 'starting');
  if (starting !== undefined) return `worker ${starting.index} is starting`;
  if (!stats.engines.ready) return 'an engine is not connected';
  return null;
}
