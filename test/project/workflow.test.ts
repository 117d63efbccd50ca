// The workflow of .github/ runs what this checkout has, on the Nodes that package.json allows.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { document, root } from '../helpers/documents.ts';

const workflow = document('.github/workflows/ci.yml');
const { engines, scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  engines: { node: string };
  scripts: Record<string, string>;
};

test('the workflow tests the oldest Node that package.json allows, and the later even ones, on both machines', (t) => {
  const nodes = /^ {8}node: \[(.*)\]$/m.exec(workflow)![1]!;
  const versions = nodes.split(', ').map((version) => version.slice(1, -1));
  t.is(engines.node, `>=${versions[0]}`);
  t.deepEqual(versions.slice(1), ['22', '24', '26']);
  t.true(workflow.includes('runner: [ubuntu-24.04, ubuntu-24.04-arm]'));
});

test('each command of the workflow is one of npm, a script of package.json or a file', (t) => {
  const commands = [...workflow.matchAll(/^ +- run: (.*)$/gm)].map(([, line]) => line!);
  t.true(commands.length >= 5);
  for (const line of commands) {
    const script = /^npm run (\S+)$/.exec(line)?.[1];
    const file = /\bnode \/checkout\/(\S+)/.exec(line)?.[1];
    if (script !== undefined) t.true(script in scripts, line);
    else if (file !== undefined) t.true(existsSync(path.join(root, file)), line);
    else t.true(['npm test', 'npm pack'].includes(line), line);
  }
});

test('each action of the workflow is pinned to a commit', (t) => {
  const actions = [...workflow.matchAll(/uses: (\S+)(?: # (\S+))?$/gm)];
  t.true(actions.length > 0);
  for (const [line, action, version] of actions) {
    t.regex(action!, /^actions\/[\w-]+@[0-9a-f]{40}$/, line);
    t.regex(version ?? '', /^v\d+\.\d+\.\d+$/, line);
  }
});
