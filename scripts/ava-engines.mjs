// ava's options for `npm run test:engines`: the usual ones, with other files.

import ava from './ava.mjs';

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default {
  ...ava,
  files: [`dist/test/engines/${process.env.WASMPOLL_ENGINES}/*.test.js`],
  // Servers have the machine to themselves.
  concurrency: 1,
};
