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

/** What an engine has logged: level, message, fields. */
export class Lines {
  readonly lines: string[] = [];

  info(fields: object, message: string): void {
    this.lines.push(`info ${message} ${JSON.stringify(fields)}`);
  }

  warn(fields: object, message: string): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields)}`);
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
