// Between two threads: requests to a Map in another thread by postMessage, which is what Node itself offers; and how
// often a publisher wakes another seat. The unit of the first is one request and its answer.

import { Worker } from 'node:worker_threads';
import { makeEventFd } from '../../host/kernel/event-fd.ts';
import { native } from '../../host/kernel/native.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { writeRecord } from '../../host/shared/member/drafts.ts';
import { BLOCK, OP_JOIN, OP_PUBLISH } from '../../host/shared/records.ts';
import type { Measured } from './ground.ts';

const OWNER = `
const { parentPort } = require('node:worker_threads');
const values = new Map();
const value = new Uint8Array(64);
for (let key = 0; key < 1024; key += 1) values.set(key, value);
parentPort.on('message', (key) => parentPort.postMessage(values.get(key)));
`;
const REQUESTS = 2048;

/** @param depth requests on their way at a time */
export async function byPostMessage(depth: number): Promise<Measured> {
  const owner = new Worker(OWNER, { eval: true });
  const requests = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let [asked, answered] = [0, 0];
      const ask = (): void => {
        owner.postMessage(asked & 1023);
        asked += 1;
      };
      owner.removeAllListeners();
      owner.once('error', reject);
      owner.on('message', () => {
        answered += 1;
        if (asked < REQUESTS) ask();
        else if (answered === REQUESTS) resolve();
      });
      while (asked < depth) ask();
    });
  await requests();
  return {
    async run() {
      const before = process.cpuUsage();
      await requests();
      const { user, system } = process.cpuUsage(before);
      return ((user + system) * 1000) / REQUESTS;
    },
    close: async () => void (await owner.terminate()),
  };
}

const [PUBLISHER, OTHER] = [1, 2];

/** @returns wakes of another seat for so many messages, committed each by itself, until it looks */
export function wakes(messages: number): number {
  const shared = native.shared(resolvePolicy());
  const eventFd = makeEventFd(native);
  shared.open(PUBLISHER, -1);
  shared.open(OTHER, eventFd);
  const [log, block] = [new Uint8Array(4096), new Int32Array(BLOCK)];
  const topic = new TextEncoder().encode('room');
  const other = shared.seat(OTHER);
  other.bind(log, block);
  other.commit(writeRecord(log, { op: OP_JOIN, handle: 1, first: topic }), 0);
  while (other.take(new Uint8Array(4096), 0, 4096, 0) !== 0);
  const publisher = shared.seat(PUBLISHER);
  publisher.bind(log, new Int32Array(BLOCK));
  const length = writeRecord(log, { op: OP_PUBLISH, first: topic, second: topic });
  for (let message = 0; message < messages; message += 1) publisher.commit(length, 0);
  const counter = new BigUint64Array(1);
  native.read(eventFd, new Uint8Array(counter.buffer), 0, 8);
  shared.close(PUBLISHER);
  shared.close(OTHER);
  shared.release();
  return Number(counter[0]);
}
