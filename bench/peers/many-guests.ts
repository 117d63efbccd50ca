// One thread that serves several guests, each with its instance, its listener and its connections.
// node dist/bench/peers/many-guests.js COUNT prints `listening on HOST:PORT,HOST:PORT,…`

import { serve } from '../../host/index.ts';

const MIB = 1024 * 1024;
// Small pools: a hundred of the default size would be more address space than the limits promise.
const policy = { poolBytes: 8 * MIB, maxConnections: 1000, maxStagedBytes: 4 * MIB };

const addresses: string[] = [];
for (let count = Number(process.argv[2]); count > 0; count -= 1) {
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 0, policy });
  addresses.push(...server.addresses);
}
process.stdout.write(`listening on ${addresses.join(',')}\n`);
