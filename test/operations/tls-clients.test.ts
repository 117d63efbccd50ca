// Clients and scanners of TLS that share no code with OpenSSL or with each other: GnuTLS, nmap and sslscan. They
// talk, come back with their sessions, and find nothing weak.

import { spawn } from 'node:child_process';
import test from 'ava';
import { type Server, serve } from '../../host/index.ts';
import type { TlsOptions } from '../../host/tls/options.ts';
import { Certificates, type Certified } from '../helpers/certificates.ts';
import { has } from '../helpers/installed.ts';
import type { Owner } from '../helpers/process.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const authority = certificates.authority('authority');
const pairs: Readonly<Record<string, Certified>> = {
  ECDSA: certificates.make('localhost', { by: authority }),
  RSA: certificates.make('localhost', { by: authority, newkey: ['-newkey', 'rsa:2048'] }),
};
test.after.always(() => {
  for (const end of atEnd) end();
});

async function start(
  t: Owner,
  { certFile: cert, keyFile: key }: Certified,
  more: Partial<TlsOptions> = {},
): Promise<{ server: Server; port: string }> {
  const server = await serve({
    protocol: 'echo',
    workers: 1,
    listen: { address: '127.0.0.1:0', tls: { cert, key, ...more } },
    policy: { drainQuietMs: 0, lingerMs: 500 },
  });
  t.teardown(() => server.close());
  return { server, port: server.addresses[0]!.replace(/.*:/, '') };
}

/** Runs a program; what is to be echoed is its input, which ends when it has come back. */
async function run(
  t: Owner,
  program: string,
  args: readonly string[],
  echoed = '',
): Promise<{ text: string; code: number | null }> {
  const child = spawn(program, args, { stdio: 'pipe' });
  t.teardown(() => void child.kill('SIGKILL'));
  let text = '';
  const hear = (chunk: Buffer): void => {
    text += chunk;
    if (text.includes(echoed)) child.stdin.end();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.stdin.on('error', () => undefined);
  if (echoed !== '') child.stdin.write(echoed);
  else child.stdin.end();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ text, code }));
  });
}

const gnutls = (port: string, ...more: string[]): string[] => [
  ...['--x509cafile', authority.certFile, '--verify-hostname', 'localhost', '-p', port],
  ...[...more, '127.0.0.1'],
];

for (const [version, name] of [
  ['1.2', 'TLS1.2'],
  ['1.3', 'TLS1.3'],
] as const) {
  test(`GnuTLS ${version} hears its echo, and its end is announced on both sides`, async (t) => {
    if (!has(t, 'gnutls-cli', 'gnutls-bin')) return;
    const { server, port } = await start(t, pairs.ECDSA!, { alpn: ['echo'] });
    const priority = `NORMAL:-VERS-ALL:+VERS-TLS${version}`;
    const args = gnutls(port, '--priority', priority, '--alpn', 'echo');
    const { text, code } = await run(t, 'gnutls-cli', args, 'there and back\n');
    t.is(code, 0, text);
    t.true(text.includes('there and back\n'));
    t.true(text.includes(name), text);
    t.regex(text, /Application protocol: echo/);
    t.like(server.stats(), { errors: {}, tls: { handshakes: 1, truncated: 0 } });
  });

  test(`GnuTLS ${version} comes back with its session`, async (t) => {
    if (!has(t, 'gnutls-cli', 'gnutls-bin')) return;
    const { server, port } = await start(t, pairs.RSA!);
    const priority = `NORMAL:-VERS-ALL:+VERS-TLS${version}`;
    const args = gnutls(port, '--priority', priority, '--resume');
    const { text } = await run(t, 'gnutls-cli', args, 'again\n');
    t.regex(text, /This is a resumed session/);
    t.is(server.stats().tls?.resumed, 1);
  });
}

test('GnuTLS shows a certificate of its own when it must', async (t) => {
  if (!has(t, 'gnutls-cli', 'gnutls-bin')) return;
  const own = certificates.make('client', { by: authority });
  const { server, port } = await start(t, pairs.ECDSA!, {
    clients: 'require',
    ca: authority.certFile,
  });
  const shown = gnutls(port, '--x509certfile', own.certFile, '--x509keyfile', own.keyFile);
  const { text } = await run(t, 'gnutls-cli', shown, 'by name\n');
  t.true(text.includes('by name\n'), text);
  const bare = await run(t, 'gnutls-cli', gnutls(port));
  t.not(bare.code, 0, bare.text);
  t.is(server.stats().tls?.failed.clientCertificate, 1);
});

const suite = /TLS_\w+_WITH_\w+/g;

for (const [kind, pair] of Object.entries(pairs)) {
  test(`nmap finds no weak suite with a certificate of ${kind}`, async (t) => {
    if (!has(t, 'nmap')) return;
    const { server, port } = await start(t, pair);
    const { text } = await run(t, 'nmap', [
      '--script',
      'ssl-enum-ciphers',
      '-p',
      port,
      '127.0.0.1',
    ]);
    const suites = text.match(suite) ?? [];
    t.is(suites.length, 6, text);
    for (const name of suites) t.regex(name, /^TLS_(?:AKE|ECDHE_\w+)_WITH_.*(?:GCM|POLY1305)/);
    t.regex(text, /least strength: A\n/);
    t.regex(text, /compressors: \n\| +NULL\n\| +cipher preference: server/);
    t.notRegex(text, /TLSv1\.[01]|SSLv/);
    t.true(server.stats().tls!.failed.cipher > 0);
  });

  test(`sslscan finds nothing to complain of with a certificate of ${kind}`, async (t) => {
    if (!has(t, 'sslscan')) return;
    const { port } = await start(t, pair);
    const { text } = await run(t, 'sslscan', ['--no-colour', `127.0.0.1:${port}`]);
    const enabled = [...text.matchAll(/^(\S+) +enabled$/gm)].map((match) => match[1]);
    t.deepEqual(enabled, ['TLSv1.2', 'TLSv1.3'], text);
    t.regex(text, /Session renegotiation not supported/);
    t.regex(text, /Server supports TLS Fallback SCSV/);
    t.notRegex(text, /^\S+ vulnerable|compression enabled/im);
    const ciphers = [...text.matchAll(/^(?:Preferred|Accepted) +\S+ +\d+ bits +(\S+)/gm)];
    t.is(ciphers.length, 6, text);
    for (const [, name] of ciphers) t.regex(name!, /GCM|POLY1305/);
    const groups = [...text.matchAll(/^TLSv1\.[23] +\d+ bits +(\S+)(?: \(NIST.*\))?$/gm)];
    for (const [, name] of groups) t.regex(name!, /^(?:x25519|secp256r1|secp384r1)$/);
    t.true(groups.length >= 3);
  });
}
