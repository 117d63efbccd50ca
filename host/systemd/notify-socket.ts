// Notify socket: messages to a service manager as sd_notify(3) sends them: lines of NAME=VALUE in one datagram. It
// does not know what they say, nor when.

import type { Native } from '../kernel/native.ts';

export class NotifySocket {
  readonly #native: Native;
  readonly #path: string;

  private constructor(native: Native, path: string) {
    this.#native = native;
    this.#path = path;
  }

  /**
   * Takes NOTIFY_SOCKET out of the environment: what is started from here is not to speak for this process.
   * @returns null when there is none, or one that is no Unix socket
   */
  static take(native: Native, env: NodeJS.ProcessEnv): NotifySocket | null {
    const { NOTIFY_SOCKET: path = '' } = env;
    delete env.NOTIFY_SOCKET;
    return /^[/@]./.test(path) ? new NotifySocket(native, path) : null;
  }

  /** @returns whether it was taken; a manager that is gone or busy is no reason to fail */
  send(...lines: string[]): boolean {
    return this.#native.sendDatagram(this.#path, lines.join('\n')) >= 0;
  }
}
