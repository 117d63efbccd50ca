// Writes README's settings table from the policy table: `npm run settings`. A test holds them equal.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const readme = fileURLToPath(new URL('../README.md', import.meta.url));

/** README with its table made anew. */
export async function withSettings(text) {
  const { settings } = await import('../dist/host/policy.js');
  const { flagOf, showValue } = await import('../dist/host/cli/flags.js');
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
  writeFileSync(readme, await withSettings(readFileSync(readme, 'utf8')));
}
