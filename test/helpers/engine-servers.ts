// Servers for the tests of engines: redis-server, nats-server and mosquitto on loopback, started for one test and ended
// by their process ids. Nothing they have is kept.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Certified } from './certificates.ts';
import { freePort } from './installed.ts';

/** A server that can be killed, stopped and started again at the same port. */
export class EngineServer {
  readonly port: number;
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #folder: string;
  #process: ChildProcess | null = null;

  private constructor(program: string, args: readonly string[], port: number, folder: string) {
    this.#program = program;
    this.#args = args;
    this.port = port;
    this.#folder = folder;
  }

  /** @param extra options of redis-server */
  static async redis(t: ExecutionContext, ...extra: string[]): Promise<EngineServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-redis-'));
    const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder];
    const args = [...fixed, '--save', '', '--appendonly', 'no', ...extra];
    return EngineServer.#make(t, new EngineServer('redis-server', args, port, folder));
  }

  /**
   * One that speaks TLS only.
   * @param server its certificate
   * @param ca who has signed those of clients, if it wants to see them
   */
  static async redisTls(
    t: ExecutionContext,
    server: Certified,
    ca: Certified | null = null,
  ): Promise<EngineServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-redis-'));
    const fixed = ['--port', '0', '--tls-port', `${port}`, '--bind', '127.0.0.1', '--dir', folder];
    const keys = ['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile];
    const clients =
      ca === null
        ? ['--tls-auth-clients', 'no', '--tls-ca-cert-file', server.certFile]
        : ['--tls-auth-clients', 'yes', '--tls-ca-cert-file', ca.certFile];
    const args = [...fixed, '--save', '', '--appendonly', 'no', ...keys, ...clients];
    return EngineServer.#make(t, new EngineServer('redis-server', args, port, folder));
  }

  static async nats(t: ExecutionContext, ...extra: string[]): Promise<EngineServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-nats-'));
    const args = ['--addr', '127.0.0.1', '--port', `${port}`, ...extra];
    return EngineServer.#make(t, new EngineServer('nats-server', args, port, folder));
  }

  /** @param configuration lines of its configuration file */
  static natsWith(t: ExecutionContext, configuration: string): Promise<EngineServer> {
    const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-nats-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'nats.conf');
    writeFileSync(file, configuration);
    return EngineServer.nats(t, '--config', file);
  }

  /** @param lines more of its configuration */
  static async mosquitto(t: ExecutionContext, ...lines: string[]): Promise<EngineServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-mosquitto-'));
    const file = join(folder, 'mosquitto.conf');
    // As root it would become a user who may not read the folder.
    const fixed = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'user root',
      'set_tcp_nodelay true',
    ];
    writeFileSync(file, `${[...fixed, 'log_dest none', ...lines].join('\n')}\n`);
    const server = new EngineServer('mosquitto', ['-c', file], port, folder);
    return EngineServer.#make(t, server);
  }

  /** Two servers that are one cluster as soon as they have found each other. */
  static async natsCluster(t: ExecutionContext): Promise<[EngineServer, EngineServer]> {
    const [one, two] = [await freePort(), await freePort()];
    const start = (at: number, other: number): Promise<EngineServer> =>
      EngineServer.natsWith(
        t,
        `cluster { name: test, listen: "127.0.0.1:${at}", routes: ["nats://127.0.0.1:${other}"] }`,
      );
    return [await start(one, two), await start(two, one)];
  }

  static async #make(t: ExecutionContext, server: EngineServer): Promise<EngineServer> {
    t.teardown(() => server.#remove());
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    this.#process = spawn(this.#program, [...this.#args], { cwd: this.#folder, stdio: 'ignore' });
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error(`${this.#program} does not start`);
      if (await isListening(this.port)) return;
    }
  }

  /** Ends it at once, as a power failure would. */
  async kill(): Promise<void> {
    const ended = once(this.#process!, 'exit');
    this.signal('SIGKILL');
    await ended;
    this.#process = null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process!.kill(signal);
  }

  /** Stops it until SIGCONT. When this returns, none of its threads does anything. */
  stop(): void {
    this.signal('SIGSTOP');
    const tasks = `/proc/${this.#process!.pid}/task`;
    const stands = (task: string): boolean =>
      /\) T /.test(readFileSync(`${tasks}/${task}/stat`, 'latin1'));
    while (!readdirSync(tasks).every(stands));
  }

  /** Asks a Redis server by its own client. */
  cli(...command: string[]): string {
    return execFileSync('redis-cli', ['-p', `${this.port}`, ...command], { encoding: 'utf8' });
  }

  async #remove(): Promise<void> {
    if (this.#process !== null) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    return false;
  } finally {
    socket.destroy();
  }
}

/** Passes connections on to a port, and cuts them when a test says so. */
export class CuttingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #holding = false;
  #noticeHeld: () => void = () => undefined;
  readonly #held = new Promise<void>((resolve) => {
    this.#noticeHeld = resolve;
  });

  private constructor(server: Server, to: number) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    server.on('connection', (client) => this.#join(client, connect(to, '127.0.0.1')));
  }

  static async start(t: ExecutionContext, to: number): Promise<CuttingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new CuttingProxy(server, to);
    t.teardown(() => proxy.#close());
    return proxy;
  }

  /** Cuts all connections; new ones are passed on as before. */
  cut(): void {
    this.#holding = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** What clients send from now on goes nowhere. */
  hold(): void {
    this.#holding = true;
  }

  /** Resolves when something was held. */
  held(): Promise<void> {
    return this.#held;
  }

  #join(client: Socket, server: Socket): void {
    client.on('data', (bytes) => {
      if (this.#holding) this.#noticeHeld();
      else server.write(bytes);
    });
    server.on('data', (bytes) => client.write(bytes));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      // A connection that is cut is what tests are about.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  #close(): void {
    this.#server.close();
    this.cut();
  }
}
