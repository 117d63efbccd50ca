// Redis session: one connection to a Redis server, by the package @redis/client, used for one thing only.
// It sends commands and tells of failures; what the commands are for it does not know.

import { STATUS_LIMIT, STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../../../assembly/abi.ts';
import { messageOf } from '../../errors.ts';
import type { ServerAddress } from '../address.ts';
import { EngineError } from '../contract.ts';
import { InFlight } from '../in-flight.ts';
import type { Session } from '../link.ts';
import { Slices } from '../slices.ts';
import type { Script } from './scripts.ts';
import { tlsOptions, whyOf } from './tls.ts';

export type Redis = typeof import('@redis/client');
export type Argument = string | Buffer;

/** As much of the package's client as is used; its own type has each command of Redis. */
interface Client {
  on(event: 'error' | 'end' | 'connect', listener: (error: unknown) => void): void;
  connect(): Promise<unknown>;
  sendCommand(command: readonly Argument[]): Promise<unknown>;
  subscribe(
    channel: string,
    listener: (message: Buffer) => void,
    asBuffers: true,
  ): Promise<unknown>;
  destroy(): void;
  unref(): void;
}

interface Lost {
  readonly reject: (error: EngineError) => void;
  readonly error: unknown;
}

const NOTHING = Buffer.alloc(0);

export class RedisSession implements Session {
  readonly ready: Promise<void>;
  readonly #redis: Redis;
  readonly #client: Client;
  /** The key that each command is about, or nothing. */
  readonly #sent: InFlight<string>;
  /** How many of them are about each. */
  readonly #about = new Map<string, number>();
  readonly #heartbeat: NodeJS.Timeout;
  /** Commands that failed since it was closed: all that were sent, at once. */
  readonly #lost = new Slices<Lost>(({ reject, error }) => reject(this.#failure(error)));
  #closed = false;

  /**
   * @param limitMs how long a command may take: then the session is lost, and with it the answers to all
   *   that were sent
   * @param prepare is part of what `ready` waits for
   */
  constructor(
    redis: Redis,
    address: ServerAddress,
    limitMs: number,
    lost: (why: string) => void,
    prepare: (session: RedisSession) => Promise<unknown>,
  ) {
    this.#redis = redis;
    this.#sent = new InFlight(limitMs, () => lost(`no answer within ${limitMs} ms`));
    this.#client = redis.createClient({
      socket: {
        ...address.servers[0],
        connectTimeout: limitMs,
        // Link sees to that: it has to tell, and to say what was lost.
        reconnectStrategy: false,
        ...tlsOptions(address),
      },
      ...(address.user === '' ? {} : { username: address.user }),
      ...(address.password === '' ? {} : { password: address.password }),
      database: address.database,
      RESP: 2,
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      // A command that times out here stays on the wire, and makes an AbortSignal. `#sent` has the limit.
      commandOptions: { timeout: 0, typeMapping: { [redis.RESP_TYPES.BLOB_STRING]: Buffer } },
    }) as unknown as Client;
    // What keeps a server's process alive is that it listens.
    this.#client.unref();
    // Also when an answer could not be read: then each answer would go to the wrong command.
    this.#client.on('error', (error: unknown) => lost(whyOf(error)));
    this.#client.on('end', () => lost('the connection was closed'));
    // The package does not end a connection that is being made.
    this.#client.on('connect', () => {
      if (this.#closed) this.#client.destroy();
    });
    this.#heartbeat = setInterval(() => this.#beat(), limitMs).unref();
    this.ready = this.#client
      .connect()
      .then(() => prepare(this))
      .then(
        () => undefined,
        (error: unknown) => Promise.reject(new Error(whyOf(error))),
      );
  }

  /**
   * @param key what it is about
   * @throws EngineError; UNKNOWN if the command may have been performed
   */
  send(command: readonly Argument[], key: Buffer = NOTHING): Promise<unknown> {
    return this.#ask(command, key, null);
  }

  /**
   * Performs a script on one key. Redis forgets scripts when it is told to, and then it is sent as a whole.
   * If more about the key was sent by then, it would come too late, and it is UNAVAILABLE.
   * @throws EngineError
   */
  run(script: Script, key: Buffer, values: readonly Argument[]): Promise<unknown> {
    const rest = ['1', key, ...values];
    return this.#ask(['EVALSHA', script.hash, ...rest], key, () => {
      if (!this.#about.has(nameOf(key))) {
        return this.send(['EVAL', script.text, ...rest], key);
      }
      // For the next one. That it fails is told by the next one, too.
      this.send(['SCRIPT', 'LOAD', script.text]).catch(() => undefined);
      return null;
    });
  }

  /** @param forgotten called in place of failing if the server does not know a script; null fails */
  #ask(
    command: readonly Argument[],
    key: Buffer,
    forgotten: (() => Promise<unknown> | null) | null,
  ): Promise<unknown> {
    const name = nameOf(key);
    this.#sent.add(name);
    this.#about.set(name, (this.#about.get(name) ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.#client.sendCommand(command).then(
        (reply) => {
          this.#answered();
          resolve(reply);
        },
        (error: unknown) => {
          if (this.#closed) {
            this.#lost.add({ reject, error });
            return;
          }
          // In the same microtask: the answers to what was sent later are not looked at yet.
          this.#answered();
          const instead = this.#isForgotten(error) ? forgotten?.() : null;
          if (instead) resolve(instead);
          else reject(this.#failure(error));
        },
      );
    });
  }

  #answered(): void {
    const name = this.#sent.shift() ?? '';
    const count = this.#about.get(name) ?? 0;
    if (count > 1) this.#about.set(name, count - 1);
    else this.#about.delete(name);
  }

  /** Bytes are valid during the call only. */
  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<void> {
    await this.#client.subscribe(channel, listener, true);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#client.destroy();
  }

  // Finds out that the other end is gone though nobody says so; a failure has been told already.
  #beat(): void {
    if (this.#sent.size === 0) this.send(['PING']).catch(() => undefined);
  }

  #isForgotten(error: unknown): boolean {
    return error instanceof this.#redis.ErrorReply && error.message.startsWith('NOSCRIPT');
  }

  #failure(error: unknown): EngineError {
    const message = messageOf(error);
    const { ClientClosedError, ClientOfflineError, ErrorReply } = this.#redis;
    if (error instanceof ClientOfflineError || error instanceof ClientClosedError) {
      return new EngineError(STATUS_UNAVAILABLE, message);
    }
    if (!(error instanceof ErrorReply)) return new EngineError(STATUS_UNKNOWN, message);
    // A script's error has it in the middle before Redis 7.
    const full = message.includes('OOM command not allowed');
    return new EngineError(full ? STATUS_LIMIT : STATUS_UNAVAILABLE, message);
  }
}

const nameOf = (key: Buffer): string => key.toString('latin1');
