// ava's options for `npm run test:operations`: the usual ones, with other files. One file at a time: proxies and
// browsers have the machine to themselves.

import ava from './ava.mjs';

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default { ...ava, files: ['dist/test/operations/*.test.js'], concurrency: 1 };
