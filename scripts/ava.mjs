// ava's options, which are those of package.json, for whoever wants TAP or other files. Loading it mends ava's TAP
// reporter, which at two kinds of error ends with one of its own: what the other files had to tell is untold then.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { ava } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

const entry = createRequire(import.meta.url).resolve('ava');

// supertap writes an error's first frame, and any property, as YAML, and js-yaml refuses what is undefined. An error
// of node:fs/promises has no frame.
const yaml = createRequire(createRequire(entry).resolve('supertap'))('js-yaml');
const { safeDump } = yaml;
yaml.safeDump = (value, options) => safeDump(value, { ...options, skipInvalid: true });

// A file whose time is over is told with an error as it is, where others come in the form of another process.
const { default: Reporter } = await import(
  new URL('../lib/reporters/tap.js', pathToFileURL(entry))
);
const { writeTest } = Reporter.prototype;
Reporter.prototype.writeTest = function write(event, flags) {
  const { err } = event;
  const told = (error) => ({ type: 'native', name: error.name, originalError: error });
  writeTest.call(this, err instanceof Error ? { ...event, err: told(err) } : event, flags);
};

// biome-ignore lint/style/noDefaultExport: ava takes its options so
export default ava;
