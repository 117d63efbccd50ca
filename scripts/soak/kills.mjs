// Ends threads, and counts what it costs: npm run soak -- kills --rounds N --seed S
// First a reactor on a simulated kernel at every statement of a turn, then real threads under load:
// N that are ended at random, a tenth of it that hang. Exits with 1 when a byte or a stream is missed.

import { parseArgs } from 'node:util';
import { Certificates } from '../../dist/test/helpers/certificates.js';
import { crowdOfThreads } from '../../dist/test/helpers/crowd-deaths.js';
import { crowd, evening, sharingHost } from '../../dist/test/helpers/delivery-deaths.js';
import { liveOutward } from '../../dist/test/helpers/dial-deaths.js';
import { bundledModule, compiledGuest, scriptedModule } from '../../dist/test/helpers/guests.js';
import { storm } from '../../dist/test/helpers/kills-under-load.js';
import { mqttStorm } from '../../dist/test/helpers/mqtt-storm.js';
import { respStorm } from '../../dist/test/helpers/resp-storm.js';
import { sharingModule } from '../../dist/test/helpers/sharing.js';
import { hostOfDeaths, live } from '../../dist/test/helpers/thread-deaths.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    stride: { type: 'string', default: '1' },
  },
});
const [rounds, seed, stride] = [values.rounds, values.seed, values.stride].map(Number);
if (![rounds, seed, stride].every((value) => Number.isSafeInteger(value) && value > 0)) {
  process.stderr.write('soak kills: --rounds, --seed and --stride must be whole numbers from 1\n');
  process.exit(2);
}

const say = (text) => process.stdout.write(`${text}\n`);
const shown = (faults) =>
  faults
    .slice(0, 20)
    .map((fault) => `  ${fault}\n`)
    .join('');
let failed = false;

const host = await hostOfDeaths('soak', scriptedModule);
for (const secured of [false, true]) {
  const { steps } = live(host, [], secured);
  let [deaths, lost, forgotten] = [0, 0, 0];
  const faults = [];
  for (let step = 1; step <= steps; step += stride) {
    const outcome = live(host, [step], secured);
    deaths += outcome.deaths;
    lost += outcome.lost;
    forgotten += outcome.forgotten;
    faults.push(...outcome.faults.map((fault) => `step ${step}: ${fault}`));
  }
  failed ||= faults.length > 0;
  say(
    `${deaths} deaths at ${steps} statements${secured ? ', by TLS' : ''}: ${lost} connections ` +
      `lost that were being changed${secured ? ' or were not to be served' : ''}, ` +
      `${forgotten} descriptors left open, ${faults.length} faults`,
  );
  process.stdout.write(shown(faults));
}

const evenings = [
  ['deliveries', await sharingHost('soak-sharing', sharingModule), evening],
  [
    'connections to upstreams',
    await hostOfDeaths('soak-dials', bundledModule('proxy')),
    liveOutward,
  ],
  ['deliveries to many', await sharingHost('soak-crowd', compiledGuest('roster'), 256), crowd],
];
for (const [what, host, script] of evenings) {
  const all = { steps: script(host, []).steps, deaths: 0, lost: 0, faults: [] };
  for (let step = 1; step <= all.steps; step += stride) {
    const outcome = script(host, [step]);
    all.deaths += outcome.deaths;
    all.lost += outcome.lost;
    all.faults.push(...outcome.faults.map((fault) => `step ${step}: ${fault}`));
  }
  failed ||= all.faults.length > 0;
  say(
    `${all.deaths} deaths at ${all.steps} statements of ${what}: ${all.lost} ` +
      `connections lost that were being served, ${all.faults.length} faults`,
  );
  process.stdout.write(shown(all.faults));
}

const percentile = (times, part) =>
  Math.round([...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * part)]);
const teardowns = [];
const certificates = new Certificates({ teardown: (end) => teardowns.push(end) });
const { certFile: cert, keyFile: key } = certificates.make('localhost');
const secure = { tls: { cert, key } };
const tenth = Math.ceil(rounds / 10);
const plans = [
  ['end', 'threads ended', rounds, 1, {}],
  ['hang', 'callbacks hung', tenth, 1, {}],
  ['end', 'threads ended, 2 workers', tenth, 2, {}],
  ['end', 'threads ended, TLS', tenth, 1, secure],
  ['end', 'threads ended, TLS, 2 workers', tenth, 2, secure],
  ['hang', 'callbacks hung, TLS', tenth, 1, secure],
];
for (const [kind, words, count, workers, more] of plans) {
  const report = await storm({ kind, rounds: count, clients: 12, seed, workers, ...more });
  const bad = report.faults.length > 0 || (kind === 'hang' && report.lost > 0);
  failed ||= bad;
  say(
    `${report.rounds} ${words}: ${report.lost} streams lost, ${report.bytes} bytes compared, ` +
      `told after ${percentile(report.detectedMs, 0.5)} ms (99 %: ${percentile(report.detectedMs, 0.99)}), ` +
      `resumed after ${percentile(report.resumedMs, 0.5)} ms ` +
      `(99 %: ${percentile(report.resumedMs, 0.99)}), ${report.faults.length} faults`,
  );
  process.stdout.write(shown(report.faults));
}
for (const kinds of [['end'], ['trap', 'trap', 'hang']]) {
  const options = { rounds: tenth, clients: 12, workers: 2, seed, kinds };
  const { commands, lost, faults } = await respStorm(options);
  const most = kinds.includes('end') ? 2 * tenth : 0;
  failed ||= faults.length > 0 || lost > most;
  say(
    `${tenth} times ${kinds.join(', ')} in resp: ${commands} commands compared, ${lost} connections lost, ` +
      `${faults.length} faults`,
  );
  process.stdout.write(shown(faults));
}
for (const kinds of [['end'], ['trap', 'trap', 'hang']]) {
  const options = { rounds: tenth, publishers: 6, subscribers: 6, workers: 2, seed, kinds };
  const report = await mqttStorm(options);
  const most = kinds.includes('end') ? 2 * tenth : 0;
  const faults = [...report.faults, ...report.told];
  failed ||= faults.length > 0 || report.lost > most;
  say(
    `${tenth} times ${kinds.join(', ')} in mqtt: ${report.acknowledged} messages acknowledged, ` +
      `${report.compared} compared, ${report.lost} connections lost, ${faults.length} faults`,
  );
  process.stdout.write(shown(faults));
}
const told = await crowdOfThreads('soak-crowd-threads', { rounds: Math.ceil(rounds / 10), seed });
failed ||= told.faults.length > 0 || told.lost > 2 * told.deaths;
say(
  `${told.deaths} threads ended at a statement of a delivery: ${told.lost} members lost, ` +
    `${told.messages} messages compared, ${told.faults.length} faults`,
);
process.stdout.write(shown(told.faults));
for (const end of teardowns) end();
process.exitCode = failed ? 1 : 0;
