// Runs one of several programs by its name: `npm run soak -- kills …`, `npm run fuzz -- module …`. What
// follows the name is the program's own.

import { readdirSync } from 'node:fs';

const [kind, name, ...rest] = process.argv.slice(2);
const names = readdirSync(new URL(`./${kind}/`, import.meta.url))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length));

if (!names.includes(name)) {
  const found = name === undefined ? 'a name is missing' : `there is no '${name}'`;
  process.stderr.write(`${kind}: ${found}; npm run ${kind} -- ${names.join(' | ')}\n`);
  process.exit(2);
}
process.argv.splice(2, process.argv.length, ...rest);
await import(`./${kind}/${name}.mjs`);
