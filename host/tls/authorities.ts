// Authorities: those whose certificates count where an operator names no others, which are those of this Node.

import { readFileSync } from 'node:fs';

/** Node 22.15 and 23.10 have the first. */
interface NodeTls {
  getCACertificates?(kind: 'default'): string[];
  readonly rootCertificates: readonly string[];
}

/** As PEM texts: what Node has within, and what NODE_EXTRA_CA_CERTS names, or its flags. */
export function authoritiesOfNode(): string {
  // Not imported: a Node without OpenSSL has no such module, and need not have one.
  const node: NodeTls = process.getBuiltinModule('node:tls');
  const all = node.getCACertificates?.('default') ?? [...node.rootCertificates, extra()];
  return all.join('\n');
}

// Node has warned of a file that it could not read.
function extra(): string {
  const file = process.env.NODE_EXTRA_CA_CERTS;
  if (file === undefined || file === '') return '';
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
