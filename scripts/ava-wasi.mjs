// ava's options for `npm run test:wasi`: the usual ones, with other files.

import ava from './ava.mjs';

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default {
  ...ava,
  files: ['dist/test/languages/*.test.js', 'dist/test/wasi/programs/*.test.js'],
};
