// Certificates for tests, made with the openssl command: self-signed ones, and ones of an authority. Each is
// valid for 127.0.0.1 and for its name.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Owner, temporary } from './process.ts';

export interface Certified {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export interface CertifyOptions {
  /** Who signs; itself if not given. */
  readonly by?: Certified;
  /** Arguments of `openssl req` in place of a P-256 key. */
  readonly newkey?: readonly string[];
  /** Of the key file. */
  readonly passphrase?: string;
  /** Days from now; below 0 it has expired. */
  readonly days?: number;
}

/** Makes files of certificates in a folder that is removed when the test ends. */
export class Certificates {
  readonly folder: string;
  #made = 0;

  constructor(owner: Owner) {
    this.folder = temporary(owner);
  }

  make(name: string, options: CertifyOptions = {}): Certified {
    const { by, newkey = CURVE, passphrase, days = 3650 } = options;
    this.#made += 1;
    const base = path.join(this.folder, `${this.#made}-${name.replace('*', 'any')}`);
    const [certFile, keyFile] = [`${base}.crt`, `${base}.key`];
    const signer = by === undefined ? [] : ['-CA', by.certFile, '-CAkey', by.keyFile];
    const secret = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
    if (days < 0) {
      this.#expired(name, certFile, keyFile);
      return read(certFile, keyFile);
    }
    openssl([
      ...['req', '-x509', ...newkey, ...secret, ...signer],
      ...['-subj', `/O=wasmpoll/CN=${name}`, '-days', String(days)],
      ...['-addext', `subjectAltName=DNS:${name},IP:127.0.0.1`],
      ...['-keyout', keyFile, '-out', certFile],
    ]);
    return read(certFile, keyFile);
  }

  // `openssl req` makes none, and `openssl ca` wants to keep books.
  #expired(name: string, certFile: string, keyFile: string): void {
    const [request, config, index] = ['csr', 'cnf', 'txt'].map((end) => `${certFile}.${end}`);
    openssl([
      ...['req', '-new', ...CURVE, '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', keyFile, '-out', request!],
    ]);
    const books = `database = ${index}\nnew_certs_dir = ${this.folder}\nrand_serial = yes`;
    const names = `[x]\nsubjectAltName = DNS:${name},IP:127.0.0.1`;
    const rules = `default_md = sha256\nx509_extensions = x\npolicy = p\n[p]\ncommonName = supplied\n${names}`;
    writeFileSync(index!, '');
    writeFileSync(config!, `[ca]\ndefault_ca = d\n[d]\n${books}\n${rules}\n`);
    openssl([
      ...['ca', '-batch', '-notext', '-config', config!, '-selfsign', '-keyfile', keyFile],
      ...['-in', request!, '-out', certFile],
      ...['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'],
    ]);
  }

  /** One of an authority that is good for signing. */
  authority(name: string): Certified {
    return this.make(name);
  }
}

function read(certFile: string, keyFile: string): Certified {
  const [cert, key] = [certFile, keyFile].map((file) => readFileSync(file, 'utf8'));
  return { certFile, keyFile, cert: cert!, key: key! };
}

/** Runs the command; what it says comes with the error when it fails. */
export function openssl(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('openssl', args, {
    encoding: 'utf8',
    input,
  });
  if (status !== 0) throw error ?? new Error(`openssl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
