// Compile bombs: small modules of which V8 would make gigabytes are refused, and what is just below the
// limit stays small, however many functions there are of it.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { connect } from '../helpers/client.ts';
import { hostileGuest, nest } from '../helpers/hostile-modules.ts';
import { runCli, startCli, temporary } from '../helpers/process.ts';
import { assemble } from '../helpers/wasm.ts';

const policy = resolvePolicy();
const [BLOCK, LOOP, IF, TRY] = [0x02, 0x03, 0x04, 0x06];
const none = new Uint8Array();

const bomb = (kind: number, locals: number, depth: number, copies = 0) =>
  hostileGuest({ onOpen: { locals, code: nest(kind, depth, none) }, copies });

for (const [title, binary] of [
  ['50,000 locals and 2,000 ifs', bomb(IF, 49_000, 2000)],
  ['16,000 operands and 6,000 ifs', operands(16_000, 6000)],
  ['loops', bomb(LOOP, 20_000, 2000)],
  ['blocks', bomb(BLOCK, 20_000, 2000)],
  ['handlers of exceptions', bomb(TRY, 20_000, 2000)],
  ['calls with 1,000 values', calls(1000, 2000)],
] as const) {
  test(`a module of ${title} is refused by the compile cost`, async (t) => {
    await t.throwsAsync(loadModule(binary, policy, 'bomb'), {
      code: 'ERR_MODULE',
      message: /^bomb: compile cost: function \d+ \(\w+\) costs \d+, over 8000000; /,
    });
  });
}

function operands(count: number, depth: number): Uint8Array<ArrayBuffer> {
  const [push, drop] = [Buffer.from([0x41, 1]), Buffer.from([0x1a])];
  const code = Buffer.concat([
    Buffer.alloc(2 * count, push),
    nest(IF, depth, none),
    Buffer.alloc(count, drop),
  ]);
  return hostileGuest({ onOpen: { locals: 0, code } });
}

function calls(arity: number, count: number): Uint8Array<ArrayBuffer> {
  const code = Buffer.concat([
    Buffer.alloc(2 * arity, Buffer.from([0x41, 1])),
    Buffer.alloc(2 * count, Buffer.from([0x10, 4])),
    Buffer.alloc(arity, Buffer.from([0x1a])),
  ]);
  return hostileGuest({ onOpen: { locals: 0, code }, arity });
}

test('wasmpoll run and workers 0 refuse it, too', async (t) => {
  const file = path.join(temporary(t), 'bomb.wasm');
  writeFileSync(file, bomb(IF, 49_000, 2000));
  const served = await runCli(['--listen', '127.0.0.1:0', '--workers', '0', file]);
  t.is(served.code, 1);
  t.regex(served.stderr, /compile cost: /);
  // A command would be refused for what it lacks first.
  const body = [Array(2000).fill([0x41, 0, 0x04, 0x40]), Array(2000).fill([0x0b])];
  const functions = { _start: { locals: Array<string>(49_000).fill('i32'), body } };
  writeFileSync(file, assemble({ memory: { min: 1 }, functions }));
  const run = await runCli(['run', file]);
  t.is(run.code, 1);
  t.regex(run.stderr, /compile cost: function 0 \(_start\) costs/);
});

test('many functions with many locals are refused: the engine would write down each of them', async (t) => {
  const binary = hostileGuest({ onOpen: { locals: 49_990, code: none }, copies: 20_000 });
  await t.throwsAsync(loadModule(binary, policy, 'bomb'), {
    code: 'ERR_MODULE',
    message: /^bomb: compile cost: its functions cost \d+, over \d+; /,
  });
});

// 7.9 million units each. Together they are allowed only where the limit is raised.
const justBelow = (functions: number) => bomb(IF, 3900, 1000, functions);

test('1,000 functions just below the limit are together more than their size explains', async (t) => {
  await t.throwsAsync(loadModule(justBelow(1000), policy, 'bomb'), {
    code: 'ERR_MODULE',
    message: /^bomb: compile cost: its functions cost \d+, over \d+; /,
  });
});

test.serial(
  'so many as may be in one callback: the watchdog gets in, and memory stays',
  async (t) => {
    const file = path.join(temporary(t), 'many.wasm');
    writeFileSync(file, justBelow(20));
    const args = ['--listen', '127.0.0.1:0', '--callback-timeout', '500ms', file];
    const server = await startCli(t, [...args, '--max-function-cost', '160000000']);
    const client = await connect(server.address, { owner: t });
    await server.written('stderr', /guest failed and was replaced/);
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
    t.true(peak < 400, `${peak} MB`);
    await client.readAll().catch(() => undefined);
  },
);
