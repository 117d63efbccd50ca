// ava's options for `npm run test:author`: those of package.json, with other files. One at a time: they measure how
// soon a change is served.

import { readFileSync } from 'node:fs';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default { ...ava, files: ['dist/test/author/*.test.js'], concurrency: 1 };
