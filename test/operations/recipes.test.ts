// The recipes of deploy/: each is read by the tool that it is for, and its command line is run.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { connect } from '../helpers/client.ts';
import { freePort, has, startProgram } from '../helpers/installed.ts';
import { listenForNotes } from '../helpers/notify-listener.ts';
import { cli, type Running, startCli, temporary, works } from '../helpers/process.ts';

const recipe = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../deploy/${name}`, import.meta.url)), 'utf8');

async function echoes(address: string): Promise<boolean> {
  const client = await connect(address);
  await client.send('hello');
  client.end();
  return String(await client.readAll()) === 'hello';
}

/** The units in a folder, with this checkout's command line in the place of the installed one. */
function units(t: ExecutionContext): string {
  const folder = temporary(t);
  const service = recipe('systemd/wasmpoll.service')
    .replace('/usr/bin/node', process.execPath)
    .replace('/opt/wasmpoll/node_modules/.bin/wasmpoll', cli);
  writeFileSync(path.join(folder, 'wasmpoll.service'), service);
  writeFileSync(path.join(folder, 'wasmpoll.socket'), recipe('systemd/wasmpoll.socket'));
  return folder;
}

/** What the service starts: the arguments behind the binary. */
const unitArguments = (): string[] =>
  /^ExecStart=\S+ \S+ (.*)$/m.exec(recipe('systemd/wasmpoll.service'))![1]!.split(' ');

test('systemd finds nothing wrong with the units', (t) => {
  if (!has(t, 'systemd-analyze', 'systemd')) return;
  const folder = units(t);
  const files = ['wasmpoll.service', 'wasmpoll.socket'].map((name) => path.join(folder, name));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...files], {
    encoding: 'utf8',
  });
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
});

test('systemd rates the exposure of the service at most 3 of 10', (t) => {
  if (!has(t, 'systemd-analyze', 'systemd')) return;
  const file = path.join(units(t), 'wasmpoll.service');
  const args = ['security', '--offline=yes', '--no-pager', '--threshold=30', file];
  const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  t.is(status, 0, stdout);
  t.log(/Overall exposure level.*: ([\d.]+)/.exec(stdout)?.[0] ?? '');
});

test('the service serves the socket that it was passed, and tells its manager', async (t) => {
  if (!has(t, 'systemd-socket-activate', 'systemd')) return;
  const folder = temporary(t);
  const port = await freePort();
  const { path: NOTIFY_SOCKET, process: notes } = await listenForNotes(t);
  const args = unitArguments().map((arg) =>
    arg.replace('/run/wasmpoll/', `${folder}/`).replace('/var/log/wasmpoll/', `${folder}/`),
  );
  const name = /^FileDescriptorName=(.*)$/m.exec(recipe('systemd/wasmpoll.socket'))![1]!;
  const seconds = Number(/^WatchdogSec=(\d+)s$/m.exec(recipe('systemd/wasmpoll.service'))![1]);
  t.true(seconds > 3, 'more than twice --callback-timeout and a second');
  const activate = ['-l', `127.0.0.1:${port}`, `--fdname=${name}`];
  const variables = { NOTIFY_SOCKET, WATCHDOG_USEC: `${seconds * 1e6}` };
  const env = Object.entries(variables).flatMap(([key, value]) => ['-E', `${key}=${value}`]);
  const program = [process.execPath, cli, ...args];
  const server = startProgram(t, 'systemd-socket-activate', [...activate, ...env, ...program]);
  await server.written('stderr', /Listening on/);
  // The first client starts it.
  t.true(await echoes(`127.0.0.1:${port}`));
  await notes.written('stdout', /^READY=1.*\nWATCHDOG=1/m);
  await until(() => readFileSync(path.join(folder, 'access.log'), 'utf8').includes('"bytesIn":5'));
  server.kill('SIGTERM');
  await notes.written('stdout', /^STOPPING=1/m);
  t.deepEqual(await server.exited, { code: 0, signal: null });
});

test('logrotate takes the recipe, and a rotation loses no line', async (t) => {
  if (!has(t, 'logrotate')) return;
  const folder = temporary(t);
  const logs = path.join(folder, 'logs');
  mkdirSync(logs, { mode: 0o755 });
  const log = path.join(logs, 'access.log');
  const args = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--access-log', log];
  const server = await startCli(t, args);
  const signal = 'systemctl kill --kill-who=main --signal=SIGUSR1 wasmpoll.service';
  t.true(recipe('logrotate/wasmpoll').includes(`\t\t${signal}\n`));
  const { uid, gid } = process.getuid?.() === 0 ? { uid: 'root', gid: 'root' } : owner();
  const text = recipe('logrotate/wasmpoll')
    .replaceAll('/var/log/wasmpoll/', `${logs}/`)
    .replace('su root root', `su ${uid} ${gid}`)
    .replace(signal, `kill -USR1 ${server.pid}`);
  const config = path.join(folder, 'wasmpoll');
  writeFileSync(config, text, { mode: 0o644 });
  const state = ['--state', path.join(folder, 'state')];
  const dry = spawnSync('logrotate', ['-d', ...state, config], { encoding: 'utf8' });
  t.is(dry.status, 0, dry.stderr);
  t.notRegex(dry.stderr, /^error/m);
  for (let turn = 0; turn < 3; turn += 1) {
    t.true(await echoes(server.address));
    await until(() => lines(logs) === turn + 1);
    execFileSync('logrotate', ['-f', ...state, config], { stdio: 'pipe' });
  }
  await until(() => readdirSync(logs).includes('access.log'));
  t.true(await echoes(server.address));
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
  t.is(lines(logs), 4);
  t.is(server.stderr, '');
});

const owner = (): { uid: string; gid: string } => {
  const name = (flag: string): string => execFileSync('id', [flag], { encoding: 'utf8' }).trim();
  return { uid: name('-un'), gid: name('-gn') };
};

/** Lines of all logs in the folder, those that are compressed included. */
function lines(folder: string): number {
  const text = execFileSync('sh', ['-c', 'zcat -f "$1"/*', 'sh', folder], { encoding: 'utf8' });
  return text.split('\n').length - 1;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Pod {
  readonly spec: {
    readonly terminationGracePeriodSeconds: number;
    readonly securityContext: object;
    readonly containers: readonly Container[];
  };
}

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle?: unknown;
  readonly securityContext: object;
}

/** The server with a recipe's arguments, at ports of its own, and where it answers operators. */
async function startAs(
  t: ExecutionContext,
  args: readonly string[],
): Promise<{ server: Running; admin: string }> {
  const own = args.map((arg) => arg.replace(/(?:0\.0\.0\.0|127\.0\.0\.1):\d+$/, '127.0.0.1:0'));
  const server = await startCli(t, own, { lines: 1 });
  const [, admin] = await server.written('stderr', /"address":"([^"]*)","msg":"admin listens"/);
  return { server, admin: admin! };
}

test('the Kubernetes manifest is one, its flags are taken, and its probes are answered', async (t) => {
  if (!works('python3', '-c', 'import yaml')) {
    t.log('skipped: there is no PyYAML (apt-get install python3-yaml)');
    t.pass();
    return;
  }
  const script = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))';
  const json = execFileSync('python3', ['-c', script], {
    input: recipe('kubernetes/wasmpoll.yaml'),
  });
  const documents = JSON.parse(String(json)) as { kind: string; spec: { template: Pod } }[];
  t.deepEqual(
    documents.map(({ kind }) => kind),
    ['Deployment', 'Service', 'PodDisruptionBudget'],
  );
  const { spec } = documents[0]!.spec.template;
  const [container] = spec.containers;
  const { args, ports, startupProbe, readinessProbe, livenessProbe } = container!;
  t.is(container!.lifecycle, undefined, 'the drain delay does without preStop');
  t.like(spec.securityContext, { runAsNonRoot: true });
  t.like(container!.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  const seconds = (flag: string): number =>
    Number(
      new RegExp(`^--${flag}=(\\d+)s$`).exec(args.find((arg) => arg.startsWith(`--${flag}=`))!)![1],
    );
  t.true(spec.terminationGracePeriodSeconds > seconds('drain-delay') + seconds('grace'));
  for (const { containerPort } of ports) {
    t.true(
      args.some((arg) => arg.endsWith(`:${containerPort}`)),
      `${containerPort}`,
    );
  }
  const { server, admin } = await startAs(t, args);
  t.true(await echoes(server.address));
  for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
    t.true(ports.some(({ name }) => name === httpGet.port));
    t.is((await fetch(`http://${admin}${httpGet.path}`)).status, 200, httpGet.path);
  }
  server.kill('SIGTERM');
  // The delay has begun: no new ones are to be sent, and those that come are served.
  while ((await fetch(`http://${admin}${readinessProbe.httpGet.path}`)).status !== 503);
  t.is((await fetch(`http://${admin}${livenessProbe.httpGet.path}`)).status, 200);
  t.true(await echoes(server.address));
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
});

test('the container has two stages, runs as nobody special, and its health check tells', async (t) => {
  const steps = recipe('container/Containerfile')
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/ (.*)/, 2) as [string, string]);
  const of = (name: string): string[] =>
    steps.filter(([step]) => step === name).map(([, text]) => text);
  const known = ['FROM', 'WORKDIR', 'RUN', 'ENV', 'COPY', 'USER', 'EXPOSE', 'STOPSIGNAL'];
  for (const [step] of steps) {
    t.true([...known, 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'].includes(step), step);
  }
  const [build, last] = of('FROM');
  t.regex(build!, /^docker\.io\/library\/node:\d+-bookworm-slim AS build$/);
  t.is(last, build!.replace(' AS build', ''));
  t.regex(of('USER').at(-1)!, /^[1-9]\d*:[1-9]\d*$/);
  t.is(of('STOPSIGNAL')[0], 'SIGTERM');
  const args = JSON.parse(of('CMD')[0]!) as string[];
  t.true(args.some((arg) => arg.endsWith(`:${of('EXPOSE')[0]}`)));
  t.regex(of('ENTRYPOINT')[0]!, /\/wasmpoll\/dist\/host\/cli\/main\.js"\]$/);
  const { server, admin } = await startAs(t, args);
  t.true(await echoes(server.address));
  const check = JSON.parse(/CMD (\[.*\])$/.exec(of('HEALTHCHECK')[0]!)![1]!) as string[];
  const [port] = /127\.0\.0\.1:\d+/.exec(args.join(' '))!;
  const script = check[2]!.replace(port, admin);
  t.not(script, check[2]);
  const health = (): Promise<number | null> =>
    startProgram(t, process.execPath, ['-e', script]).exited.then(({ code }) => code);
  t.is(await health(), 0);
  server.kill('SIGKILL');
  await server.exited;
  t.is(await health(), 1);
});
