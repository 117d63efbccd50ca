// RESP in tests: commands as bytes, and what comes back taken apart.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type Command = readonly string[];

export const encoded = (command: Command): string =>
  `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part, 'latin1')}\r\n${part}\r\n`).join('')}`;

/** One client of a server of RESP. All bytes are characters. */
export class RespClient {
  readonly #socket: Socket;
  #text = '';
  #heard: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    const wakes = (): void => this.#heard();
    socket.on('data', (text: string) => {
      this.#text += text;
      wakes();
    });
    socket.on('error', wakes);
    socket.on('close', wakes);
  }

  static async to(port: number): Promise<RespClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RespClient(socket);
  }

  send(...commands: readonly Command[]): void {
    this.#socket.write(commands.map(encoded).join(''), 'latin1');
  }

  /** All that has come, up to a text. @throws when the connection ends before */
  async until(text: string): Promise<string> {
    while (!this.#text.includes(text)) await this.#more();
    const end = this.#text.indexOf(text) + text.length;
    const found = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    return found;
  }

  /** All that comes until the server ends the connection. */
  async rest(): Promise<string> {
    while (!this.#socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    return this.#text;
  }

  async #more(): Promise<void> {
    if (this.#socket.destroyed) throw new Error(`the connection has ended: '${this.#text}'`);
    await new Promise<void>((resolve) => {
      this.#heard = resolve;
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
