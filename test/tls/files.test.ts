// Certificates as operators give them: options, text, files, and what is told when one of them is wrong.

import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { parseListen } from '../../host/listen/spec.ts';
import { readServices } from '../../host/services/services-file.ts';
import type { TlsOptions } from '../../host/tls/options.ts';
import { Certificates } from '../helpers/certificates.ts';
import { connect } from '../helpers/client.ts';
import { linesModule } from '../helpers/guests.ts';
import { runCli, startCli } from '../helpers/process.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const [one, other] = [certificates.make('localhost'), certificates.make('other.example')];
test.after.always(() => {
  for (const end of atEnd) end();
});

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

async function start(t: Owner, tls: TlsOptions, workers = 0): Promise<Server> {
  const server = await serve({
    protocol: 'echo',
    workers,
    listen: { address: '127.0.0.1:0', tls },
    policy: { drainQuietMs: 0, lingerMs: 200 },
  });
  t.teardown(() => server.close());
  return server;
}

const nameAt = async (t: Owner, server: Server, servername?: string): Promise<string> => {
  const secure = servername === undefined ? {} : { servername };
  const client = await connect(server.addresses[0]!, { owner: t, secure });
  const { CN } = client.tls.getPeerCertificate().subject;
  client.destroy();
  return String(CN);
};

test('text and objects say the same', (t) => {
  const { certFile: cert, keyFile: key } = one;
  const text =
    `tls://127.0.0.1:443?cert=${cert}&key=${key}&min=1.3&alpn=h2,http/1.1&clients=require` +
    `&ca=${cert}&tickets=false&end=lenient&proxy=10.0.0.0/8`;
  const spec = parseListen(text);
  t.deepEqual(
    spec,
    parseListen({
      address: '127.0.0.1:443',
      proxy: { from: ['10.0.0.0/8'] },
      tls: {
        ...{ cert, key, min: '1.3', alpn: ['h2', 'http/1.1'], clients: 'require', ca: cert },
        ...{ tickets: false, end: 'lenient' },
      },
    }),
  );
  t.is(parseListen('tcp://127.0.0.1:443').tls, null);
});

test('options that are wrong are refused by name', (t) => {
  const tls = { cert: 'a.pem', key: 'b.pem' };
  const cases: [unknown, RegExp][] = [
    [null, /must be an object, with at least cert and key/],
    [{}, /tls: cert is missing/],
    [{ ...tls, cert: '' }, /tls: cert must be a path or a PEM text/],
    [{ cert: 'a.pem' }, /tls: key is missing/],
    [{ ...tls, certs: 1 }, /there is no 'certs'; it takes cert, key, sni/],
    [{ ...tls, min: '1.1' }, /min must be one of 1.2, 1.3, got 1.1/],
    [{ ...tls, clients: true }, /clients must be one of none, request, require/],
    [{ ...tls, clients: 'require' }, /with clients 'require' ca is missing/],
    [{ ...tls, ca: 'c.pem' }, /ca is for judging clients/],
    [{ ...tls, alpn: 'h2' }, /alpn must be a list/],
    [{ ...tls, alpn: ['a b'] }, /alpn must be a list/],
    [{ ...tls, alpn: Array(2000).fill('h2') }, /alpn has too many/],
    [{ ...tls, end: 'never' }, /end must be one of strict, lenient/],
    [{ ...tls, tickets: 'no' }, /tickets must be true or false/],
    [{ ...tls, sni: [] }, /sni must be an object/],
    [{ ...tls, sni: { 'a/b': tls } }, /'a\/b' must be a host name/],
    [{ ...tls, sni: { 'a.b': { cert: 'x' } } }, /sni: 'a.b': key is missing/],
    [{ ...tls, sni: { 'a.b': { ...tls, alpn: [] } } }, /there is no 'alpn'; it takes cert, key/],
  ];
  for (const [options, message] of cases) {
    const listen = { address: '127.0.0.1:0', tls: options as TlsOptions };
    t.throws(() => parseListen(listen), { code: 'ERR_TLS', message });
  }
  t.throws(() => parseListen('tls://127.0.0.1:0?crt=a'), { code: 'ERR_ADDRESS', message: /'crt'/ });
  t.throws(() => parseListen('127.0.0.1:0?cert=a'), { code: 'ERR_ADDRESS', message: /'cert'/ });
});

test('each name has its certificate, and all others the first', async (t) => {
  const wild = certificates.make('*.wild.example');
  const { cert, key } = one;
  const sni = { 'other.example': other, '*.wild.example': wild };
  const pairs = Object.entries(sni).map(([name, pair]) => {
    return [name, { cert: pair.certFile, key: pair.keyFile }] as const;
  });
  const server = await start(t, { cert, key, sni: Object.fromEntries(pairs) });
  t.is(await nameAt(t, server), 'localhost');
  t.is(await nameAt(t, server, 'other.example'), 'other.example');
  t.is(await nameAt(t, server, 'OTHER.example'), 'other.example');
  t.is(await nameAt(t, server, 'a.wild.example'), '*.wild.example');
  t.is(await nameAt(t, server, 'a.b.wild.example'), 'localhost');
  t.is(await nameAt(t, server, 'wild.example'), 'localhost');
  t.is(await nameAt(t, server, 'unknown.example'), 'localhost');
});

test('protocols are chosen in the order of the server, and nothing in common is refused', async (t) => {
  const { certFile: cert, keyFile: key } = one;
  const server = await start(t, { cert, key, alpn: ['better', 'worse'] });
  const address = server.addresses[0]!;
  const both = await connect(address, {
    owner: t,
    secure: { ALPNProtocols: ['worse', 'better'] },
  });
  t.is(both.tls.alpnProtocol, 'better');
  const none = await connect(address, { owner: t, secure: {} });
  t.false(none.tls.alpnProtocol);
  const strange = connect(address, { owner: t, secure: { ALPNProtocols: ['strange'] } });
  await t.throwsAsync(strange, { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
  t.is(server.stats().tls?.failed.alpn, 1);
});

test('a client that must have a certificate is let in with one of the authority', async (t) => {
  const authority = certificates.authority('authority');
  const client = certificates.make('client', { by: authority });
  const { certFile: cert, keyFile: key } = one;
  const options = { cert, key, ca: authority.certFile };
  const server = await start(t, { ...options, clients: 'require' });
  const known = await connect(server.addresses[0]!, { owner: t, secure: client });
  await known.send('hello');
  t.is((await known.readExactly(5)).toString(), 'hello');
  for (const secure of [{}, other]) {
    const refused = await connect(server.addresses[0]!, {
      owner: t,
      secure: { ...secure, maxVersion: 'TLSv1.2' },
    }).catch((error: NodeJS.ErrnoException) => error);
    t.true(refused instanceof Error);
  }
  t.is(server.stats().tls?.failed.clientCertificate, 2);
  const asking = await start(t, { ...options, clients: 'request' });
  const anybody = await connect(asking.addresses[0]!, { owner: t, secure: {} });
  await anybody.send('hello');
  t.is((await anybody.readExactly(5)).toString(), 'hello');
});

test('a reload takes new certificates, or none of them', async (t) => {
  const [cert, key] = ['reload.crt', 'reload.key'].map((name) =>
    path.join(certificates.folder, name),
  );
  const put = (pair: { certFile: string; keyFile: string }): void => {
    copyFileSync(pair.certFile, cert!);
    copyFileSync(pair.keyFile, key!);
  };
  put(one);
  const server = await start(t, { cert: cert!, key: key! }, 1);
  const before = await connect(server.addresses[0]!, { owner: t, secure: {} });
  put(other);
  server.reloadTls();
  t.is(await nameAt(t, server), 'other.example');
  copyFileSync(one.certFile, cert!);
  t.throws(() => server.reloadTls(), {
    code: 'ERR_TLS',
    message: /reload\.key is not the key of the certificate/,
  });
  t.is(await nameAt(t, server), 'other.example');
  const expired = certificates.make('localhost', { days: -1 });
  put(expired);
  t.throws(() => server.reloadTls(), { code: 'ERR_TLS', message: /reload\.crt has expired on / });
  t.is(await nameAt(t, server), 'other.example');
  await before.send('still here');
  t.is((await before.readExactly(10)).toString(), 'still here');
});

test('a certificate that has expired, or soon will, is a warning at the start', async (t) => {
  for (const [days, why] of [
    [-1, /has expired on \d{4}-/],
    [3, /expires on \d{4}-/],
  ] as const) {
    const { certFile: cert, keyFile: key } = certificates.make('localhost', { days });
    const warnings: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn: (_: object, text: string) => warnings.push(text),
      error() {},
    };
    const server = await serve({
      protocol: 'echo',
      workers: 0,
      listen: { address: '127.0.0.1:0', tls: { cert, key } },
      logger: logger as never,
    });
    await server.close();
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, why);
    t.true(warnings[0]!.includes(cert));
  }
});

test('a file that is missing, and a pair that does not fit, end the start before anything listens', async (t) => {
  const { certFile: cert, keyFile: key } = one;
  const start = (tls: TlsOptions) =>
    serve({ protocol: 'echo', workers: 0, listen: { address: '127.0.0.1:0', tls } });
  await t.throwsAsync(start({ cert: '/nowhere.pem', key }), {
    code: 'ERR_TLS',
    message: /cert \/nowhere\.pem cannot be read: ENOENT: no such file or directory$/,
  });
  await t.throwsAsync(start({ cert, key: other.keyFile }), {
    code: 'ERR_TLS',
    message: /^listen '127\.0\.0\.1:0': tls: .*\.key is not the key of the certificate$/,
  });
  await t.throwsAsync(start({ cert: one.cert, key: other.key }), {
    code: 'ERR_TLS',
    message: /tls: key is not the key/,
  });
});

test('the command line serves TLS, and SIGHUP reads the certificates again', async (t) => {
  const [cert, key] = ['cli.crt', 'cli.key'].map((name) => path.join(certificates.folder, name));
  copyFileSync(one.certFile, cert!);
  copyFileSync(one.keyFile, key!);
  const module = path.join(certificates.folder, 'lines.wasm');
  writeFileSync(module, linesModule());
  const listen = `tls://127.0.0.1:0?cert=${cert}&key=${key}`;
  const server = await startCli(t, ['--listen', listen, module]);
  const of = async (): Promise<unknown> => {
    const client = await connect(server.address, { owner: t, secure: {} });
    return client.tls.getPeerCertificate().subject.CN;
  };
  t.is(await of(), 'localhost');
  copyFileSync(other.certFile, cert!);
  server.kill('SIGHUP');
  await server.written('stderr', /certificates are as before: .*cli\.key is not the key/);
  t.is(await of(), 'localhost');
  copyFileSync(other.keyFile, key!);
  server.kill('SIGHUP');
  await server.written('stderr', /swapped.*swapped/s);
  t.is(await of(), 'other.example');
});

test('a config file has the paths of certificates relative to itself, and check reads them', async (t) => {
  copyFileSync(one.certFile, path.join(certificates.folder, 'beside.crt'));
  copyFileSync(one.keyFile, path.join(certificates.folder, 'beside.key'));
  const file = path.join(certificates.folder, 'wasmpoll.toml');
  const write = (key: string): void =>
    writeFileSync(
      file,
      `[service.echo]\nprotocol = "echo"\n[[service.echo.listen]]\naddress = "127.0.0.1:0"\n` +
        `tls = { cert = "beside.crt", key = "${key}", alpn = ["echo"] }\n`,
    );
  write('beside.key');
  const good = await runCli(['check', '--config', file]);
  t.is(good.code, 0, good.stderr);
  const [{ listen } = { listen: '' }] = readServices(file).services;
  const server = await serve({ protocol: 'echo', workers: 0, listen });
  t.teardown(() => server.close());
  t.is(await nameAt(t, server), 'localhost');
  write('missing.key');
  const bad = await runCli(['check', '--config', file]);
  t.regex(
    bad.stderr,
    /wasmpoll\.toml:\d+: service\.echo\.listen: .*missing\.key cannot be read: ENOENT/,
  );
});
