// Writes the table of docs/settings.md from the policy table: `npm run format`. A test compares the
// two.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const page = fileURLToPath(new URL('../docs/settings.md', import.meta.url));

/** The page with its table made anew. */
export async function withSettings(text) {
  const { settings } = await import('../dist/host/policy.js');
  const { flagOf } = await import('../dist/host/cli/flags.js');
  const { showValue } = await import('../dist/host/units.js');
  const rows = Object.entries(settings).map(([name, { default: value, min, max, unit, why }]) => {
    const [shown, low, high] = [value, min, max].map((number) => showValue(number, unit));
    return `| \`${name}\` | \`${flagOf(name)}\` | ${shown} | ${low} – ${high} | ${why} |`;
  });
  const head = ['| setting | flag | default | range | |', '| --- | --- | --- | --- | --- |'];
  const table = [...head, ...rows].join('\n');
  return text.replace(
    /<!-- settings -->[\s\S]*<!-- \/settings -->/,
    () => `<!-- settings -->\n${table}\n<!-- /settings -->`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(page, await withSettings(readFileSync(page, 'utf8')));
}
