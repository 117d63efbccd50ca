// Clients that are not ours: openssl, curl and Python, as they are installed.

import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import { type Server, serve } from '../../host/index.ts';
import type { TlsOptions } from '../../host/tls/options.ts';
import { Certificates } from '../helpers/certificates.ts';
import { works } from '../helpers/process.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const authority = certificates.authority('authority');
const pair = certificates.make('localhost', { by: authority });
test.after.always(() => {
  for (const end of atEnd) end();
});

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

async function start(t: Owner, more: Partial<TlsOptions> = {}, protocol = 'echo') {
  const { certFile: cert, keyFile: key } = pair;
  const server = await serve({
    protocol,
    workers: 1,
    listen: { address: '127.0.0.1:0', tls: { cert, key, ...more } },
    policy: { drainQuietMs: 0, lingerMs: 500 },
  });
  t.teardown(() => server.close());
  return server;
}

const portOf = (server: Server): string => server.addresses[0]!.replace(/.*:/, '');

interface Said {
  readonly text: string;
  readonly code: number | null;
}

/**
 * Runs a client to its end, and gives it its input, which ends when it has come back.
 * @param enough the client is ended as soon as it has said this, for one that would not end
 */
function talk(
  t: Owner,
  command: string,
  args: readonly string[],
  input = '',
  enough: RegExp | null = null,
): Promise<Said> {
  const child: ChildProcess = spawn(command, args, { stdio: 'pipe' });
  t.teardown(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout!.on('data', (chunk) => {
    text += chunk;
    if (input !== '' && text.includes(input)) child.stdin!.end();
    if (enough?.test(text)) child.kill();
  });
  child.stderr!.on('data', (chunk) => {
    text += chunk;
  });
  child.stdin!.on('error', () => undefined);
  if (input !== '') child.stdin!.write(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ text, code })));
}

const client = (server: Server, ...more: string[]): string[] => [
  ...['s_client', '-connect', `127.0.0.1:${portOf(server)}`, '-CAfile', authority.certFile],
  ...['-verify_return_error', ...more],
];

for (const version of ['-tls1_2', '-tls1_3']) {
  test(`openssl s_client ${version} hears its echo, and both ends are announced`, async (t) => {
    const server = await start(t);
    const { text, code } = await talk(
      t,
      'openssl',
      client(server, version, '-quiet', '-no_ign_eof'),
      'hello\n',
    );
    t.true(text.includes('hello\n'));
    t.false(/unexpected eof|error/i.test(text), text);
    t.is(code, 0);
    t.like(server.stats().tls, { handshakes: 1, truncated: 0 });
  });

  test(`openssl s_client ${version} comes back with its session`, async (t) => {
    const server = await start(t);
    const file = path.join(certificates.folder, `session${version}.pem`);
    const first = await talk(t, 'openssl', client(server, version, '-sess_out', file), 'hello\n');
    t.regex(first.text, /New, TLSv1\.[23]/);
    const second = await talk(t, 'openssl', client(server, version, '-sess_in', file), 'again\n');
    t.regex(second.text, /Reused, TLSv1\.[23]/);
    t.is(server.stats().tls?.resumed, 1);
  });
}

test('openssl s_client finds names, protocols, and the ciphers that there are', async (t) => {
  const other = certificates.make('other.example', { by: authority });
  const sni = { 'other.example': { cert: other.certFile, key: other.keyFile } };
  const server = await start(t, { sni, alpn: ['echo'] });
  const named = ['-servername', 'other.example', '-verify_hostname', 'other.example'];
  const { text } = await talk(t, 'openssl', client(server, ...named, '-alpn', 'x,echo'), 'hello\n');
  t.regex(text, /subject=.*CN ?= ?other\.example/);
  t.regex(text, /ALPN protocol: echo/);
  t.regex(text, /Verify return code: 0 \(ok\)/);
  for (const cipher of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'DHE-RSA-AES128-GCM-SHA256']) {
    const weak = client(server, '-tls1_2', '-cipher', cipher);
    t.not((await talk(t, 'openssl', weak)).code, 0, cipher);
  }
  t.not((await talk(t, 'openssl', client(server, '-groups', 'ffdhe2048'))).code, 0);
});

test('openssl s_client shows a certificate of its own when it must', async (t) => {
  const own = certificates.make('client', { by: authority });
  const server = await start(t, { clients: 'require', ca: authority.certFile });
  const shown = ['-cert', own.certFile, '-key', own.keyFile, '-quiet', '-no_ign_eof'];
  const { text } = await talk(t, 'openssl', client(server, ...shown), 'hello\n');
  t.true(text.includes('hello\n'));
  const refused = await talk(t, 'openssl', client(server, '-tls1_2'));
  t.not(refused.code, 0);
});

test('curl talks to it', async (t) => {
  if (!works('curl', '--version')) return t.pass('curl is not installed');
  const server = await start(t);
  const url = `https://localhost:${portOf(server)}/a-path`;
  // An echo answers with the request, and would go on.
  const args = ['-svN', '--http0.9', '--max-time', '60', '--cacert', authority.certFile, url];
  const { text } = await talk(t, 'curl', args, '', /^GET \/a-path/m);
  t.regex(text, /^GET \/a-path HTTP\/1\.1/m);
  t.regex(text, /SSL certificate verify ok/);
  t.is(server.stats().tls?.handshakes, 1);
});

const PYTHON = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as plain:
    secure = context.wrap_socket(plain, server_hostname='localhost')
    data = bytes(range(256)) * 4000
    secure.sendall(data)
    got = b''
    while len(got) < len(data):
        got += secure.recv(65536)
    assert got == data
    print(secure.version())
    # Waits for the other side's close_notify.
    secure.unwrap()
`;

// The same by memory: each byte of ciphertext is a send of its own up to the end of the handshake, and the end
// is announced while what was sent is still on its way back.
const PYTHON_BY_MEMORY = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])
came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
secure = context.wrap_bio(came, goes, server_hostname='localhost')
plain = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

def settle(call, size):
    while True:
        try:
            result = call()
            done = True
        except ssl.SSLWantReadError:
            done = False
        out = goes.read()
        for at in range(0, len(out), size):
            plain.sendall(out[at:at + size])
        if done:
            return result
        more = plain.recv(1)
        assert more, 'the end, unannounced'
        came.write(more)

settle(secure.do_handshake, 1)
data = bytes(range(256)) * 20
settle(lambda: secure.write(data), 100)
got = b''
while len(got) < len(data):
    got += settle(lambda: secure.read(7), 1)
assert got == data
settle(secure.unwrap, 1)
print(secure.version(), plain.recv(1))
`;

for (const version of ['TLSv1_2', 'TLSv1_3']) {
  test(`Python talks ${version} to it byte by byte`, async (t) => {
    if (!works('python3', '--version')) return t.pass('Python is not installed');
    const server = await start(t);
    const args = ['-c', PYTHON_BY_MEMORY, portOf(server), authority.certFile, version];
    const { text, code } = await talk(t, 'python3', args);
    t.is(code, 0, text);
    t.is(text, `${version.replace('_', '.')} b''\n`);
    t.like(server.stats(), { errors: {}, tls: { truncated: 0 } });
  });
}

test('Python talks to it, and hears its end announced', async (t) => {
  if (!works('python3', '--version')) return t.pass('Python is not installed');
  const server = await start(t);
  const { stdout, stderr, status } = await new Promise<{
    stdout: string;
    stderr: string;
    status: number | null;
  }>((resolve) => {
    const child = spawn('python3', ['-c', PYTHON, portOf(server), authority.certFile]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('close', (code) => resolve({ stdout, stderr, status: code }));
  });
  t.is(stderr, '');
  t.is(status, 0);
  t.regex(stdout, /TLSv1\.3/);
  t.like(server.stats(), { errors: {}, tls: { truncated: 0 } });
});
