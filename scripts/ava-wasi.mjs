// ava's options for `npm run test:wasi`: those of package.json, with other files.

import { readFileSync } from 'node:fs';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default {
  ...ava,
  files: ['dist/test/languages/*.test.js', 'dist/test/wasi/programs/*.test.js'],
};
