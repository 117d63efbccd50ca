// Certificates for tests of TLS, made by openssl(1) in a folder that is removed afterwards.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Owner, temporary } from './process.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority of the test's own. */
export class Authority {
  /** Its certificate. */
  readonly path: string;
  readonly #folder: string;
  readonly #files: CertificateFiles;

  constructor(owner: Owner) {
    this.#folder = temporary(owner);
    this.#files = this.#names('ca');
    this.path = this.#files.cert;
    const { cert, key } = this.#files;
    openssl('req', '-x509', ...NEW_KEY, '-keyout', key, '-out', cert, '-subj', '/CN=Test CA');
  }

  /** @param names as openssl has them: `IP:127.0.0.1,DNS:localhost` */
  sign(name: string, names: string): CertificateFiles {
    const files = this.#names(name);
    const request = join(this.#folder, `${name}.csr`);
    const extensions = join(this.#folder, `${name}.ext`);
    writeFileSync(extensions, `subjectAltName = ${names}\n`);
    openssl(
      'req',
      '-new',
      ...NEW_KEY,
      '-keyout',
      files.key,
      '-out',
      request,
      '-subj',
      `/CN=${name}`,
    );
    const signed = ['-CA', this.#files.cert, '-CAkey', this.#files.key, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, '-out', files.cert, ...signed, '-extfile', extensions);
    return files;
  }

  #names(name: string): CertificateFiles {
    return { cert: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
  }
}

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};
