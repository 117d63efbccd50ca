// Installs a packed wasmpoll into an empty folder and has its echo answer: `node scripts/try-package.mjs FILE.tgz`.
// It uses npm and the running Node, and nothing else of the machine; so it runs in a bare container as well.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

async function echoes(folder) {
  const main = path.join(folder, 'node_modules/wasmpoll/dist/host/cli/main.js');
  const server = spawn(process.execPath, [main, '--listen', '127.0.0.1:0', 'echo'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(server.stdout, 'data');
    const port = Number(/:(\d+)\s*$/m.exec(String(line))?.[1]);
    const client = connect(port, '127.0.0.1');
    client.end('hello');
    const [answer] = await once(client, 'data');
    if (String(answer) !== 'hello') throw new Error(`echo answers ${answer}`);
  } finally {
    server.kill();
    await once(server, 'exit');
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-package-'));
try {
  const [, , given] = process.argv;
  if (given === undefined) throw new Error('give a package: node scripts/try-package.mjs FILE.tgz');
  const file = path.resolve(given);
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  const options = { cwd: folder, stdio: 'inherit' };
  execFileSync('npm', ['install', '--no-audit', '--no-fund', file], options);
  await echoes(folder);
  const megabytes = (statSync(file).size / 1e6).toFixed(2);
  process.stdout.write(
    `${path.basename(file)}, ${megabytes} MB, echoes on Node ${process.version}\n`,
  );
} catch (error) {
  process.stderr.write(`wasmpoll: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
