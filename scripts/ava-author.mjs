// ava's options for `npm run test:author`: the usual ones, with other files. One at a time: they measure how soon a
// change is served.

import ava from './ava.mjs';

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default {
  ...ava,
  files: ['author', 'crashes', 'kit', 'transcripts'].map((room) => `dist/test/${room}/*.test.js`),
  concurrency: 1,
};
