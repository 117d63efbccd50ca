// Watch: what an engine says about itself, which a test can wait for.

import { EventEmitter, once } from 'node:events';
import { EngineError, type EngineWatch } from '../../host/engines/contract.ts';

export class Watch extends EventEmitter implements EngineWatch {
  /** Why it was down, each time that it said so. */
  readonly reasons: string[] = [];

  down(why: string): void {
    this.reasons.push(why);
    this.emit('down');
  }

  up(): void {
    this.emit('up');
  }

  async next(state: 'up' | 'down'): Promise<void> {
    await once(this, state);
  }
}

/** The status with which it is rejected, or 0. */
export async function statusOf(asked: Promise<unknown>): Promise<number> {
  try {
    await asked;
    return 0;
  } catch (error) {
    if (error instanceof EngineError) return error.status;
    throw error;
  }
}
