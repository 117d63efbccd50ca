// ava's options for the tests of the wire by TLS, which are those in clear with WIRE=tls in the environment. They are a
// part of `npm run test:hostile`.

import { readFileSync } from 'node:fs';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

const files = ['guests', 'integrity', 'drain', 'closing', 'limits', 'swap', 'soak'].map(
  (name) => `dist/test/wire/${name}.test.js`,
);

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default { ...ava, files, environmentVariables: { WIRE: 'tls' }, concurrency: 1 };
