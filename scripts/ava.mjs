// ava's options, which are those of package.json, for whoever wants TAP or other files. Loading it mends ava's TAP
// reporter, which ends with an error of its own at an error of a test that has no stack frame.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// supertap writes an error's first frame, and any property, as YAML, and js-yaml refuses what is undefined. An error
// of node:fs/promises has no frame; it left all that the other files of a run had to tell untold.
const ours = createRequire(import.meta.url);
const avas = createRequire(ours.resolve('ava'));
const yaml = createRequire(avas.resolve('supertap'))('js-yaml');
const { safeDump } = yaml;
yaml.safeDump = (value, options) => safeDump(value, { ...options, skipInvalid: true });

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default ava;
