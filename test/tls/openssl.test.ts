// How the addon finds OpenSSL: in Node, or not at all; and contexts that are wrong, each with its reason.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { Certificates } from '../helpers/certificates.ts';
import { refused, runCli, startCli, temporary } from '../helpers/process.ts';
import { textsOf } from '../helpers/tls-end.ts';

const OPENSSL = /\b(?:SSL|X509|BIO|ERR|EVP|PEM|RAND|OPENSSL|OpenSSL|OSSL|CRYPTO|ASN1|TLS)_\w+/;

test('every function of OpenSSL is a weak reference, so that the addon loads without any', (t) => {
  const { stdout, status } = spawnSync('nm', ['-D', '--undefined-only', native.file], {
    encoding: 'utf8',
  });
  t.is(status, 0);
  const used = stdout.split('\n').filter((line) => OPENSSL.test(line));
  t.true(used.length > 50);
  t.deepEqual(
    used.filter((line) => !/^ +w /.test(line)),
    [],
  );
});

test('a Node without a function of OpenSSL loads the addon, and says which one it lacks', (t) => {
  const bytes = readFileSync(native.file);
  // The name by which the dynamic linker looks; what messages say is another string.
  for (const name of ['SSL_new', 'X509_free']) {
    const lacking = Buffer.from(bytes);
    const at = lacking.indexOf(`\0${name}\0`, 0, 'latin1');
    // Its first letter: other names may be the end of this one.
    lacking.write('_', at + 1, 'latin1');
    const file = path.join(temporary(t), 'lacking.node');
    writeFileSync(file, lacking);
    const script = `
      const loaded = { exports: {} };
      process.dlopen(loaded, ${JSON.stringify(file)});
      process.stdout.write(loaded.exports.tlsRefusal(process.versions.openssl));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    t.is(stdout, `this Node.js does not export OpenSSL (${name} is missing)`, stderr);
  }
});

test('a server that cannot have TLS says why in one line, and others start', async (t) => {
  const { certFile, keyFile } = new Certificates(t).make('localhost');
  const pretend = "Object.defineProperty(process.versions, 'openssl', { value: '3.9.9' })";
  const env = {
    ...process.env,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURI(pretend)}`,
  };
  const url = `tls://127.0.0.1:0?cert=${certFile}&key=${keyFile}`;
  const outcome = await runCli(['--listen', url, 'echo'], { env });
  refused(
    t,
    outcome,
    1,
    /^wasmpoll: tls: process\.versions\.openssl is 3\.9\.9, but \S+ was found\n$/,
  );
  const other = await startCli(t, ['--listen', '127.0.0.1:0', 'echo'], { env });
  other.kill();
  t.is((await other.exited).code, 0);
});

test('the file stays in memory when no thread has it open any more', (t) => {
  const { stdout } = spawnSync('readelf', ['-d', native.file], { encoding: 'utf8' });
  t.regex(stdout, /Flags:.*NODELETE/);
});

test('with the OpenSSL that Node names there is TLS, with another there is not', (t) => {
  const { openssl = '' } = process.versions;
  t.is(native.tlsRefusal(openssl), '');
  t.is(
    native.tlsRefusal('3.0.0-x'),
    `process.versions.openssl is 3.0.0-x, but ${openssl} was found`,
  );
});

test('a context that is wrong says in what, and changes nothing', (t) => {
  const certificates = new Certificates(t);
  const good = certificates.make('localhost');
  const other = certificates.make('localhost');
  const secret = certificates.make('localhost', { passphrase: 'secret' });
  const small = certificates.make('localhost', { newkey: ['-newkey', 'rsa:1024'] });
  const tls = new native.Tls(0);
  t.teardown(() => tls.release());
  const cut = good.cert.replace(/\n(?=[^\n]{20,}\n-----END)/, '\n!!');
  const cases: [ReturnType<typeof textsOf>, { pair: number; part: string; why: RegExp }][] = [
    [textsOf({ ...good, cert: '' }), { pair: 0, part: 'cert', why: /^has no certificate/ }],
    [textsOf({ ...good, cert: 'x' }), { pair: 0, part: 'cert', why: /^has no certificate/ }],
    [textsOf({ ...good, cert: cut }), { pair: 0, part: 'cert', why: /cannot be read: / }],
    [textsOf({ ...good, cert: good.key }), { pair: 0, part: 'cert', why: /^has no certificate/ }],
    [textsOf({ ...good, key: good.cert }), { pair: 0, part: 'key', why: /^has no private key/ }],
    [textsOf(secret), { pair: 0, part: 'key', why: /^is encrypted/ }],
    [textsOf({ ...good, key: other.key }), { pair: 0, part: 'key', why: /^is not the key of/ }],
    [textsOf(small), { pair: 0, part: 'cert', why: /^is refused by OpenSSL: ee key too small/ }],
    [
      textsOf({ ...good, cert: good.cert.repeat(200) }),
      { pair: 0, part: 'cert', why: /^is larger than 65536 bytes/ },
    ],
    [textsOf(good, { clients: 2 }), { pair: 0, part: 'ca', why: /^has no certificate/ }],
    [
      textsOf(good, {
        pairs: [
          { name: '', ...good },
          { name: 'b', cert: other.cert, key: good.key },
        ],
      }),
      { pair: 1, part: 'key', why: /^is not the key of/ },
    ],
  ];
  for (const [texts, expected] of cases) {
    const { pair, part, why } = tls.prepare(0, texts) ?? {};
    t.deepEqual({ pair, part }, { pair: expected.pair, part: expected.part });
    t.regex(why ?? '', expected.why);
  }
  tls.commit();
  const seat = native.tlsSeat({ id: tls.id, seat: 0 });
  t.false(seat.open(0, 1, 0));
  t.is(tls.prepare(0, textsOf(good)), undefined);
  tls.discard();
  tls.commit();
  t.false(seat.open(0, 1, 0));
});

test('arguments of another kind are refused', (t) => {
  const tls = new native.Tls(1);
  t.teardown(() => tls.release());
  const wrong = (value: unknown) => () => tls.prepare(0, value as never);
  t.throws(wrong(null), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(wrong({}), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(wrong(textsOf({ cert: '', key: '' }, { pairs: [] })), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(wrong(textsOf({ cert: '', key: '' }, { clients: 3 })), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(wrong(textsOf({ cert: 1, key: '' } as never)), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(() => new native.Tls(-1), { code: 'ERR_OUT_OF_RANGE' });
});
