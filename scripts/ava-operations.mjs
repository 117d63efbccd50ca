// ava's options for `npm run test:operations`: those of package.json, with other files. One file at a time:
// proxies and browsers have the machine to themselves.

import { readFileSync } from 'node:fs';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default { ...ava, files: ['dist/test/operations/*.test.js'], concurrency: 1 };
