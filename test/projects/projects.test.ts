import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { createProject, LANGUAGES } from '../../host/projects/create.ts';
import { originOf } from '../../host/projects/origin.ts';
import { findProject } from '../../host/projects/project.ts';
import { root } from '../helpers/documents.ts';
import { temporary } from '../helpers/process.ts';

const ALL = ['.gitignore', 'package.json'];
const FILES = {
  as: [...ALL, 'asconfig.json', 'src/redis.ts', 'test/redis.txt', 'tsconfig.json'],
  rust: [...ALL, 'src/redis.rs', 'test/redis.txt'],
  c: [...ALL, 'compile_flags.txt', 'src/redis.c', 'test/redis.txt'],
};

for (const language of LANGUAGES) {
  test(`a new project in ${language} has its files, with its name in them`, async (t) => {
    const here = temporary(t);
    const files = await createProject('redis', language, here);
    t.deepEqual(files, FILES[language].sort());
    for (const file of files) {
      const text = readFileSync(path.join(here, 'redis', file), 'utf8');
      t.false(text.includes('NAME'), file);
      t.true(text.endsWith('\n'), file);
    }
    const source = files.find((file) => file.startsWith('src/'))!;
    const project = findProject(undefined, path.join(here, 'redis', 'src'));
    t.is(project.source, path.join(here, 'redis', source));
    t.is(project.module, path.join(here, 'redis/build/redis.wasm'));
  });
}

test('a new project imports what asc understands: it knows no types alone', async (t) => {
  const here = temporary(t);
  await createProject('redis', 'as', here);
  t.notRegex(readFileSync(path.join(here, 'redis/src/redis.ts'), 'utf8'), /\btype\b/);
});

test('a new project needs the compiler for AssemblyScript alone', async (t) => {
  const here = temporary(t);
  const { peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  for (const language of LANGUAGES) {
    await createProject(`a-${language}`, language, here);
    const file = path.join(here, `a-${language}`, 'package.json');
    const { devDependencies, dependencies, name } = JSON.parse(readFileSync(file, 'utf8'));
    const { assemblyscript } = peerDependencies;
    t.deepEqual(devDependencies, language === 'as' ? { assemblyscript } : undefined);
    t.deepEqual(Object.keys(dependencies), ['wasmpoll']);
    t.is(name, `a-${language}`);
  }
});

test('what is there already is left alone', async (t) => {
  const here = temporary(t);
  mkdirSync(path.join(here, 'redis'));
  writeFileSync(path.join(here, 'other'), 'mine');
  for (const name of ['redis', 'other']) {
    await t.throwsAsync(createProject(name, 'as', here), { code: 'ERR_OPTION', message: /there/ });
  }
  t.is(readFileSync(path.join(here, 'other'), 'utf8'), 'mine');
  t.false(existsSync(path.join(here, 'redis/package.json')));
});

test('a name that npm or a compiler would not take is refused', async (t) => {
  const here = temporary(t);
  for (const name of ['', 'Redis', '1st', 'a/b', '../a', '.a', 'a b', 'node_modules', 'ü']) {
    await t.throwsAsync(createProject(name, 'as', here), { code: 'ERR_OPTION' }, name);
  }
});

/** A package as npm installs it, with what npm notes of where it came from. */
function installed(folder: string, resolved: unknown): string {
  const own = path.join(folder, 'node_modules/wasmpoll');
  mkdirSync(own, { recursive: true });
  const packages = { 'node_modules/wasmpoll': { resolved } };
  const lock = path.join(folder, 'node_modules/.package-lock.json');
  writeFileSync(lock, JSON.stringify({ packages }));
  return own;
}

test('a new project takes the package from where the one that wrote it came from', async (t) => {
  const here = temporary(t);
  const project = path.join(here, 'redis');
  const from = (resolved: unknown): Promise<string | null> =>
    originOf(installed(here, resolved), project);
  t.is(await from('https://registry.example/wasmpoll-0.1.0.tgz'), null);
  t.is(await from(undefined), null);
  t.is(await from('file:gone.tgz'), null);
  writeFileSync(path.join(here, 'wasmpoll-0.1.0.tgz'), '');
  t.is(await from('file:wasmpoll-0.1.0.tgz'), 'file:../wasmpoll-0.1.0.tgz');
  t.is(await originOf(path.join(here, 'checkout'), project), 'file:../checkout');
});

test('without a lock file of npm a new project asks the registry', async (t) => {
  const here = temporary(t);
  const own = path.join(here, 'node_modules/wasmpoll');
  mkdirSync(own, { recursive: true });
  t.is(await originOf(own, path.join(here, 'redis')), null);
});

test('the source of a project is named after it, or the only one there', (t) => {
  const here = temporary(t);
  const find = (): string => path.relative(here, findProject(undefined, here).source);
  t.throws(find, { code: 'ERR_OPTION', message: /no package.json/ });
  writeFileSync(path.join(here, 'package.json'), '{"name": "@me/redis"}');
  t.throws(find, { message: /no source of a guest: .*src\/redis\.ts/ });
  mkdirSync(path.join(here, 'src'));
  writeFileSync(path.join(here, 'src/a.c'), '');
  t.is(find(), 'src/a.c');
  writeFileSync(path.join(here, 'src/redis.rs'), '');
  t.is(find(), 'src/redis.rs');
  writeFileSync(path.join(here, 'src/redis.ts'), '');
  t.throws(find, { message: /a\.c, redis\.rs, redis\.ts: name the file/ });
  writeFileSync(path.join(here, 'package.json'), 'no JSON');
  t.throws(find, { code: 'ERR_OPTION', message: /package\.json cannot be read/ });
});

test('a file that belongs to no package is a project of its own', (t) => {
  const here = temporary(t);
  writeFileSync(path.join(here, 'mine.ts'), '');
  t.deepEqual(findProject('mine.ts', here), {
    folder: here,
    source: path.join(here, 'mine.ts'),
    module: path.join(here, 'build/mine.wasm'),
  });
  t.throws(() => findProject('other.ts', here), { code: 'ERR_OPTION', message: /no such file/ });
});
