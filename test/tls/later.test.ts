// TLS on a server that began without any: listeners that are added, or changed, while it runs.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { serve } from '../../host/index.ts';
import { pattern } from '../helpers/bytes.ts';
import { Certificates } from '../helpers/certificates.ts';
import { connect } from '../helpers/client.ts';
import { linesModule } from '../helpers/guests.ts';
import { startCli } from '../helpers/process.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const { certFile: cert, keyFile: key } = certificates.make('localhost');
test.after.always(() => {
  for (const end of atEnd) end();
});

const policy = { drainQuietMs: 0, lingerMs: 200 };

for (const workers of [0, 1]) {
  test(`${workers} workers: a listener has TLS from when it is told so, and no longer`, async (t) => {
    const server = await serve({ protocol: 'echo', workers, listen: '127.0.0.1:0', policy });
    t.teardown(() => server.close());
    const [address] = server.addresses as [string];
    const before = await connect(address, { owner: t });
    await before.send('a');
    await before.readExactly(1);
    t.is(server.stats().tls, undefined);
    const same = '127.0.0.1:0';
    await t.throwsAsync(server.listen({ address: same, tls: { cert: key, key } }), {
      code: 'ERR_TLS',
    });
    await server.listen({ address: same, tls: { cert, key } });
    t.deepEqual(server.addresses, [address]);
    const secured = await connect(address, { owner: t, secure: {} });
    const sent = pattern(300_000, 1);
    const taken = secured.send(sent);
    t.true(Buffer.from(sent).equals(await secured.readExactly(sent.length)));
    await taken;
    t.is(server.stats().tls?.handshakes, 1);
    await server.listen(same);
    for (const client of [before, secured, await connect(address, { owner: t })]) {
      await client.send('b');
      t.is(String(await client.readExactly(1)), 'b');
    }
    t.is(server.stats().tls?.handshakes, 1);
  });
}

test('a frame may be as long by TLS as it may be in clear', async (t) => {
  const bytes = 4096;
  const server = await serve({
    protocol: linesModule(),
    workers: 0,
    listen: '127.0.0.1:0',
    policy: { ...policy, receiveWindowBytes: bytes, maxFrameBytes: bytes },
  });
  t.teardown(() => server.close());
  await server.listen({ address: '127.0.0.1:0', tls: { cert, key } });
  const client = await connect(server.addresses[0]!, { owner: t, secure: {} });
  const line = `${'x'.repeat(bytes - 1)}\n`;
  for (let at = 0; at < line.length; at += 1000) await client.send(line.slice(at, at + 1000));
  t.is(String(await client.readExactly(line.length)), line);
});

test('at SIGHUP a service whose file has TLS now has it', async (t) => {
  const file = path.join(certificates.folder, 'w.toml');
  const write = (...listeners: string[]): void =>
    writeFileSync(file, `[service.one]\nprotocol = "echo"\nlisten = [${listeners.join()}]\n`);
  const [clear, secured] = ['clear', 'secured'].map(
    (name) => `unix:${path.join(certificates.folder, name)}`,
  );
  write(`"${clear}"`);
  const server = await startCli(t, ['--config', file], { lines: 0 });
  await server.written('stdout', /one: listening on/);
  write(`"${clear}"`, `{ address = "${secured}", tls = { cert = "${cert}", key = "${key}" } }`);
  server.kill('SIGHUP');
  await server.written('stderr', /module swapped/);
  const client = await connect(secured!, { owner: t, secure: {} });
  await client.send('abc');
  t.is(String(await client.readExactly(3)), 'abc');
});
