// ava's options for `npm run test:hostile`: the usual ones, with other files: the hostile cases, and single files
// that `npm test` leaves out since they take long. One file at a time: they measure what they take from the machine.

import ava from './ava.mjs';

const long = ava.files.filter((name) => name.startsWith('!') && name.endsWith('.test.js'));
const files = ['dist/test/hostile/*.test.js', ...long.map((name) => name.slice(1))];

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default { ...ava, files, concurrency: 1 };
