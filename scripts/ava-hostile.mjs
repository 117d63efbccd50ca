// ava's options for `npm run test:hostile`: those of package.json, with other files. One file at a time:
// they measure what they take from the machine.

import { readFileSync } from 'node:fs';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default { ...ava, files: ['dist/test/hostile/*.test.js'], concurrency: 1 };
