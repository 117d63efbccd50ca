// Feeds damaged modules to the loader: npm run fuzz -- module --seconds N --seed S
// What V8 compiles is parsed; what is refused is refused by a rule with a name; imposed limits hold in
// what is accepted. Prints counts, and the first files that broke one of these; exits with 1 then.

import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseModule } from '../../dist/host/module/binary.js';
import { rules } from '../../dist/host/module/interface.js';
import { loadModule } from '../../dist/host/module/protocol-module.js';
import { BinaryError } from '../../dist/host/module/reader.js';
import { resolvePolicy } from '../../dist/host/policy.js';
import { random } from '../../dist/test/helpers/bytes.js';
import { hazard } from '../../dist/test/helpers/hang-or-trap-guest.js';
import { drop, guest, i32, memoryGrow, unreachable } from '../../dist/test/helpers/wasm.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (!(seconds > 0 && Number.isSafeInteger(seed))) {
  process.stderr.write('fuzz module: --seconds and --seed must be numbers\n');
  process.exit(2);
}

const root = new URL('../../dist/', import.meta.url);
const files = ['protocols', 'guests'].flatMap((folder) => {
  try {
    return readdirSync(new URL(folder, root))
      .filter((file) => file.endsWith('.wasm'))
      .map((file) => new Uint8Array(readFileSync(new URL(`${folder}/${file}`, root))));
  } catch {
    return [];
  }
});
const seeds = [
  ...files,
  hazard(),
  guest(),
  guest({
    memory: { min: 1, max: 4 },
    tables: [{ min: 2, max: 9 }, { min: 1 }],
    elements: ['on_data'],
    globals: { a: 1 },
    data: [{ at: 16, bytes: 'data' }],
    tags: 1,
    functions: { helper: [i32(1), memoryGrow, drop], on_open: [unreachable] },
    start: 'helper',
  }),
  // A memory of its own limits and the largest that may be said.
  guest({ memory: { min: 1, max: 65_536 }, tables: [{ min: 0, max: 0xffff_ffff }] }),
];

const guestMemoryBytes = 4 * 65_536;
const policy = resolvePolicy({
  guestMemoryBytes,
  receiveWindowBytes: 65_536,
  maxFrameBytes: 1024,
  maxTableElements: 50,
  maxModuleBytes: 1 << 20,
});

// Numbers that parsers get wrong: ends of LEB128 ranges, section ids, type codes, lengths.
const INTERESTING = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0b, 0x0d, 0x40, 0x4e, 0x50, 0x5e, 0x5f, 0x60, 0x63, 0x64, 0x69,
  0x6f, 0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0xc0, 0xfb, 0xfc, 0xfe, 0xff,
];
const LEBS = [
  [0x80, 0x00],
  [0x80, 0x80, 0x80, 0x80, 0x00],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x04],
];

function mutated(bytes, next) {
  let result = [...bytes];
  const pick = (count) => Math.floor(next() * count);
  // Most of a module is code, which no rule looks at: half of the damage is done to what is before it.
  const place = () => (next() < 0.6 ? pick(Math.min(result.length, 400)) : pick(result.length));
  for (let count = 1 + Math.floor(next() ** 3 * 8); count > 0; count -= 1) {
    const at = place();
    const kind = pick(8);
    if (kind === 0) result[at] ^= 1 << pick(8);
    else if (kind === 1) result[at] = INTERESTING[pick(INTERESTING.length)];
    else if (kind === 2) result.splice(at, 0, INTERESTING[pick(INTERESTING.length)]);
    else if (kind === 3) result.splice(at, 1 + pick(4));
    else if (kind === 4) result.splice(at, 1, ...LEBS[pick(LEBS.length)]);
    else if (kind === 5) result = result.slice(0, at);
    else if (kind === 6) result.splice(at, 0, ...result.slice(place(), place()).slice(0, 64));
    else resized(result, at, pick);
    if (result.length === 0) return Uint8Array.of();
  }
  return Uint8Array.from(result);
}

// A section of its own, well formed or nearly so, in some place between others.
function resized(bytes, at, pick) {
  let offset = 8;
  while (offset < Math.min(at, bytes.length - 2)) {
    const size = bytes[offset + 1];
    if (size >= 0x80) break;
    offset += 2 + size;
  }
  const content = Array.from({ length: pick(6) }, () => INTERESTING[pick(INTERESTING.length)]);
  bytes.splice(offset, 0, pick(15), content.length, ...content);
}

const counts = {
  modules: 0,
  compiled: 0,
  parsed: 0,
  accepted: 0,
  mended: 0,
  instantiated: 0,
  refused: {},
};
const faults = [];
function fault(what, bytes, number) {
  faults.push(what);
  if (faults.length > 5) return;
  const shown = Buffer.from(bytes).toString('base64');
  process.stdout.write(`module ${number}: ${what}\n  ${shown.slice(0, 4000)}\n`);
}

function compiles(bytes) {
  try {
    new WebAssembly.Module(bytes);
    return true;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return false;
    throw error;
  }
}

function parses(bytes) {
  try {
    parseModule(bytes);
    return null;
  } catch (error) {
    return error;
  }
}

const inert = () => 0;
const imports = {
  wasmpoll: Object.fromEntries(
    'send close pause resume want set_timer peer_address now log'.split(' ').map((n) => [n, inert]),
  ),
  env: { abort: inert },
};

// A module with a start function is left out: damaged, it may never return. `grow` from outside finds the same maximum as the guest would.
function limitsHold(module) {
  if (WebAssembly.Module.exports(module).every(({ name }) => name !== 'memory')) return null;
  let instance;
  try {
    instance = new WebAssembly.Instance(module, imports);
  } catch {
    return null;
  }
  counts.instantiated += 1;
  const { memory } = instance.exports;
  try {
    memory.grow(guestMemoryBytes / 65_536 - memory.buffer.byteLength / 65_536 + 1);
    return `memory grew to ${memory.buffer.byteLength}`;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  for (const [name, table] of Object.entries(instance.exports)) {
    if (!(table instanceof WebAssembly.Table)) continue;
    if (table.length > policy.maxTableElements) return `${name} has ${table.length} elements`;
    try {
      table.grow(policy.maxTableElements - table.length + 1);
      return `${name} grew to ${table.length}`;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return null;
}

const named = new RegExp(`^fuzz: (${Object.keys(rules).join('|')}): .+; .+$`);
const next = random(seed);
const end = performance.now() + seconds * 1000;
while (performance.now() < end) {
  const number = counts.modules++;
  const bytes = mutated(seeds[Math.floor(next() * seeds.length)], next);
  const valid = compiles(bytes);
  const error = parses(bytes);
  if (valid) counts.compiled += 1;
  if (error === null) counts.parsed += 1;
  else if (!(error instanceof BinaryError))
    fault(`the parser threw ${error?.stack}`, bytes, number);
  else if (!(error.rule in rules)) fault(`no rule: ${error.rule}`, bytes, number);
  else if (valid && error.rule !== 'unsupported' && error.rule !== 'too many') {
    fault(`V8 compiles what is refused: ${error.rule}: ${error.message}`, bytes, number);
  }
  try {
    const { module } = await loadModule(bytes, policy, 'fuzz');
    counts.accepted += 1;
    // A maximum that no memory can have is replaced by the host's.
    if (!valid) counts.mended += 1;
    const wrong = parseModule(bytes).start === null ? limitsHold(module) : null;
    if (wrong !== null) fault(wrong, bytes, number);
  } catch (thrown) {
    const rule = named.exec(String(thrown?.message))?.[1];
    if (thrown?.code !== 'ERR_MODULE' || rule === undefined) {
      fault(`refused without a rule: ${thrown?.stack}`, bytes, number);
    } else counts.refused[rule] = (counts.refused[rule] ?? 0) + 1;
    if (valid && rule === 'engine')
      fault(`limits made it invalid: ${thrown.message}`, bytes, number);
    if (error === null && valid && rule === 'malformed')
      fault(`malformed: ${thrown}`, bytes, number);
  }
}
const { refused, ...numbers } = counts;
for (const [name, count] of Object.entries(numbers)) process.stdout.write(`${name}: ${count}\n`);
for (const [rule, count] of Object.entries(refused).sort((a, b) => b[1] - a[1])) {
  process.stdout.write(`  refused by ${rule}: ${count}\n`);
}
process.stdout.write(`seed ${seed}: ${faults.length} faults\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
