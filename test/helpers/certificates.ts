// Certificates for tests, made with the openssl command: self-signed ones, and ones of an authority. Each is
// valid for 127.0.0.1 and for its name.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
    openssl([
      ...['req', '-x509', ...newkey, ...secret, ...signer],
      ...['-subj', `/O=wasmpoll/CN=${name}`, '-days', String(days)],
      ...['-addext', `subjectAltName=DNS:${name},IP:127.0.0.1`],
      ...['-keyout', keyFile, '-out', certFile],
    ]);
    const [cert, key] = [certFile, keyFile].map((file) => readFileSync(file, 'utf8'));
    return { certFile, keyFile, cert: cert!, key: key! };
  }

  /** One of an authority that is good for signing. */
  authority(name: string): Certified {
    return this.make(name);
  }
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
