// Admin: READ THIS FIRST. What operators ask of a running process over HTTP: whether it is well, what it counts,
// and what it should do. It puts the parts of this room together; figures come from servers, and it makes none.

import { messageOf, WasmpollError } from '../errors.ts';
import { native } from '../kernel/native.ts';
import { type Address, parseAddress, resolveAddress } from '../listen/address.ts';
import { Listener } from '../listen/listener.ts';
import { resolvePolicy } from '../policy.ts';
import { type Logger, silent } from '../server/logger.ts';
import type { Server } from '../server/server.ts';
import { Commands, type Hooks } from './commands.ts';
import { Events } from './events.ts';
import { Front } from './front.ts';
import { Health } from './health.ts';
import { hostOf, isLoopback } from './hosts.ts';
import type { LogTail } from './log-tail.ts';
import { Routes } from './routes.ts';
import { type Again, Services } from './services.ts';

export type { Again };

export interface AdminOptions {
  /** `unix:PATH`, made with mode 0600, or `HOST:PORT` of this machine alone; one or several. */
  listen: string | readonly string[];
  /** Addresses that others can reach are allowed as well. */
  allowRemote?: boolean;
  /** Where the log lines for `/events` come from. */
  logs?: LogTail;
  /** Where it says what went wrong with itself. Silent by default. */
  logger?: Logger;
}

export class Admin {
  readonly #services = new Services();
  readonly #health: Health;
  readonly #events: Events;
  readonly #commands: Commands;
  readonly #fronts: Front[] = [];
  readonly #listeners: Listener[] = [];

  /** Use `openAdmin()`. */
  private constructor(logs: LogTail | null) {
    this.#health = new Health(this.#services);
    this.#events = new Events(this.#services, logs);
    this.#commands = new Commands(this.#services, logs);
  }

  /** As `openAdmin`, before there is any server: it is not ready until `started` is called. */
  static async open(options: AdminOptions): Promise<Admin> {
    const { parsed, addresses } = await checkAdmin(options);
    const { logger = silent } = options;
    const admin = new Admin(options.logs ?? null);
    const routes = new Routes(admin.#services, admin.#health, admin.#events, admin.#commands);
    try {
      for (const [index, address] of addresses.entries()) {
        const listener = new Listener(native, address, resolvePolicy());
        admin.#listeners.push(listener);
        const hosts = hostOf(parsed[index]!, options.allowRemote === true);
        const front = new Front(routes, { commands: isOwned(address), hosts, logger });
        await front.listen(listener.fd);
        admin.#fronts.push(front);
      }
    } catch (error) {
      await admin.close();
      throw error;
    }
    return admin;
  }

  /** Where it listens, with real ports. */
  get addresses(): string[] {
    return this.#listeners.map(({ address }) => address);
  }

  /**
   * Shows a server under a name of its own.
   * @param again what it serves, read again: for a swap that names no protocol
   */
  add(name: string, server: Server, again?: Again): void {
    this.#services.add(name, { server, again });
  }

  /** Shows the server of this name no more. */
  remove(name: string): void {
    this.#services.remove(name);
  }

  /**
   * All servers were added: from now on whether it is ready is theirs to say.
   * @param hooks what only the program itself can do, on command
   */
  started(hooks: Hooks = {}): void {
    this.#commands.hooks = hooks;
    this.#services.started();
  }

  /** Resolves when it listens no more, and each connection is closed. Idempotent. */
  async close(): Promise<void> {
    this.#health.close();
    this.#events.close();
    for (const listener of this.#listeners.splice(this.#fronts.length)) listener.close();
    for (const listener of this.#listeners.splice(0)) removeFile(listener);
    await Promise.all(this.#fronts.splice(0).map((front) => front.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Answers over HTTP for servers of this process; docs/operations.md has the paths.
 * @param servers by the names under which they are shown
 * @throws WasmpollError ERR_OPTION, ERR_ADDRESS; an Error in Node's form when the system refuses
 */
export async function openAdmin(
  servers: Readonly<Record<string, Server>>,
  options: AdminOptions,
): Promise<Admin> {
  const admin = await Admin.open(options);
  for (const [name, server] of Object.entries(servers)) admin.add(name, server);
  admin.started();
  return admin;
}

/** @throws WasmpollError for an address that cannot be, or that others can reach */
export async function checkAdmin({
  listen,
  allowRemote = false,
}: Pick<AdminOptions, 'listen' | 'allowRemote'>): Promise<{
  parsed: Address[];
  addresses: Address[];
}> {
  const texts = typeof listen === 'string' ? [listen] : listen;
  const parsed = texts.map((text) => parse(text));
  const addresses = await Promise.all(parsed.map(resolveAddress));
  for (const [index, address] of addresses.entries()) {
    if (!allowRemote) refuseRemote(texts[index]!, address);
  }
  return { parsed, addresses };
}

function parse(text: unknown): Address {
  if (typeof text === 'string') return parseAddress(text);
  throw new WasmpollError('ERR_OPTION', "openAdmin(): listen must be text: 'unix:/run/admin.sock'");
}

/** Whether there is a file, whose mode says who may connect. An abstract name is anybody's on this machine. */
const isOwned = (address: Address): boolean =>
  address.kind === 'unix' && !address.path.startsWith('@');

function refuseRemote(text: string, address: Address): void {
  if (address.kind === 'unix' || isLoopback(address.host)) return;
  throw new WasmpollError(
    'ERR_OPTION',
    `admin: '${text}' can be reached by others; use unix:PATH or 127.0.0.1, ` +
      'or allow it with --admin-allow-remote, adminAllowRemote of a file, or allowRemote',
  );
}

// What it is for is over: a file that stays is replaced by the next start.
function removeFile(listener: Listener): void {
  try {
    listener.removeFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw new Error(messageOf(error));
  }
}
