// The protocol `mqtt` beside mosquitto: random scripts of several clients give each the same from both, and
// programs that were written for MQTT are served.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { has } from '../../helpers/installed.ts';
import { alike, play, script } from '../../helpers/mqtt-differential.ts';
import { startCli } from '../../helpers/process.ts';

for (const workers of ['1', '2']) {
  test.serial(
    `${workers}: random scripts of three clients give them what mosquitto gives`,
    async (t) => {
      if (!has(t, 'mosquitto')) return;
      const theirs = await EngineServer.mosquitto(t);
      const ours = await startCli(t, ['mqtt', '--listen', '127.0.0.1:0', '--workers', workers]);
      let compared = 0;
      let run = 0;
      await fc.assert(
        fc.asyncProperty(script, async (steps) => {
          run += 1;
          const [one, other] = await Promise.all([
            play(theirs.port, `run${run}`, steps),
            play(ours.port, `run${run}`, steps),
          ]);
          compared += one.length;
          const [mine, its] = alike(other, one);
          assert.deepEqual(mine, its);
        }),
        {
          // The scripts are the same each time: mosquitto has faults of its own, which others would find.
          seed: 1,
          numRuns: 300,
          reporter: (outcome) => {
            if (outcome.failed)
              throw new Error(
                `${JSON.stringify(outcome.counterexample)}\n${outcome.errorInstance}`,
              );
          },
        },
      );
      t.log(`${compared} lines`);
      ours.kill('SIGTERM');
      t.is((await ours.exited).code, 0);
    },
  );
}
