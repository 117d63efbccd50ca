// A reload that cannot be done as a whole: what was changed by then is set back.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { type Running, reload } from '../../host/cli/reload.ts';
import { readServices } from '../../host/services/services-file.ts';
import { temporary } from '../helpers/process.ts';

const write = (file: string, target: string): void =>
  writeFileSync(
    file,
    `[upstreams.db]\ntargets = "${target}"\n` +
      ['a', 'b']
        .map((name) => `[service.${name}]\nprotocol = "proxy"\nlisten = "127.0.0.1:0"\n`)
        .join(''),
  );

test('when a server cannot have its upstreams, those before it have theirs again, whatever else cannot be set back', async (t) => {
  const file = path.join(temporary(t), 'w.toml');
  write(file, '127.0.0.1:1');
  const { services } = readServices(file);
  const leads: unknown[] = [];
  // The first can, but listens no more as before; the second cannot.
  const servers = [
    {
      reloadTls: () => undefined,
      listen: async () => {
        throw new Error('the socket is gone');
      },
      setUpstreams: (upstreams: unknown) => leads.push(upstreams),
    },
    {
      reloadTls: () => undefined,
      listen: async () => undefined,
      setUpstreams: () => {
        throw new Error('no descriptor is left');
      },
    },
  ];
  const running = new Map(
    services.map((service, at) => {
      const server = servers[at] as unknown as Running['server'];
      return [service.name, { service, server }] as const;
    }),
  );
  write(file, '127.0.0.1:2');
  const later = readServices(file).services;
  await t.throwsAsync(
    reload(file, {
      ...{ running, own: {}, logger: console as never },
      start: () => t.fail() as never,
      started: () => t.fail(),
      ended: () => t.fail(),
    }),
    { code: 'ERR_CONFIG', message: /no descriptor is left/ },
  );
  t.deepEqual(leads, [later[0]!.upstreams, services[0]!.upstreams]);
  t.deepEqual(
    [...running.values()].map(({ service }) => service),
    services,
  );
});
