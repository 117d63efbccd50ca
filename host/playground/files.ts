// Files: what the playground consists of, and the modules that it can begin with. The list is made once: nothing else
// of this machine can be asked for, whatever a path says. It knows no HTTP.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { JSON_TYPE } from '../admin/reply.ts';
import { bundledProtocols, resolveProtocol } from '../module/source.ts';
import { settings } from '../policy.ts';

const SCRIPT = 'text/javascript; charset=utf-8';
const WASM = 'application/wasm';
const PAGE = [
  ['/', 'text/html; charset=utf-8', new URL('./page/page.html', import.meta.url)],
  ['/style.css', 'text/css; charset=utf-8', new URL('./page/style.css', import.meta.url)],
  ['/app.js', SCRIPT, new URL('./page/app.js', import.meta.url)],
  ['/worker.js', SCRIPT, new URL('./bench/worker.cjs', import.meta.url)],
  ['/icon.svg', 'image/svg+xml', new URL('../admin/page/icon.svg', import.meta.url)],
] as const;

export interface Body {
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** A module of the list, as the page is told of it. */
export interface Listed {
  readonly name: string;
  /** Where it is to be had, relative to the page. */
  readonly path: string;
  /** The same for its source map; null for one that has none for sure. */
  readonly map: string | null;
  readonly bundled: boolean;
}

export class Files {
  readonly #bodies = new Map<string, () => Promise<Body | null>>();

  private constructor(modules: readonly Listed[], sources: readonly string[]) {
    for (const [path, type, url] of PAGE) this.#keep(path, { type, bytes: readFileSync(url) });
    const list = Buffer.from(JSON.stringify(modules));
    this.#keep('/modules.json', { type: JSON_TYPE, bytes: list });
    for (const [index, { path, map }] of modules.entries()) {
      const source = sources[index]!;
      this.#bodies.set(`/${path}`, () => moduleOf(source));
      if (map !== null) this.#bodies.set(`/${map}`, () => mapOf(source));
    }
  }

  /**
   * Reads the page, and looks whether the modules are there.
   * @param paths of modules that the page offers besides the bundled ones
   * @throws WasmpollError ERR_MODULE for one that cannot be read; Error in Node's form when the package is not whole
   */
  static async read(paths: readonly string[]): Promise<Files> {
    const bundled = await bundledProtocols();
    const own = await Promise.all(paths.map(async (path) => (await found(path)).name));
    const names = [...own, ...bundled];
    const modules = names.map((name, index) => {
      const isOwn = index < own.length;
      const path = `modules/${index}.wasm`;
      return { name: basename(name), path, map: isOwn ? `${path}.map` : null, bundled: !isOwn };
    });
    return new Files(modules, [...paths, ...bundled]);
  }

  #keep(path: string, body: Body): void {
    this.#bodies.set(path, async () => body);
  }

  /**
   * A module is read anew each time: it may have been built again.
   * @returns null for what is not in the list, or not there any more
   */
  async get(path: string): Promise<Body | null> {
    return (await this.#bodies.get(path)?.()) ?? null;
  }
}

const found = (protocol: string): ReturnType<typeof resolveProtocol> =>
  resolveProtocol(protocol, settings.maxModuleBytes.default);

async function moduleOf(protocol: string): Promise<Body | null> {
  try {
    const { source } = await found(protocol);
    return source instanceof Uint8Array ? { type: WASM, bytes: source } : null;
  } catch {
    // It was there when the list was made; the page says that it is gone.
    return null;
  }
}

async function mapOf(path: string): Promise<Body | null> {
  try {
    return { type: JSON_TYPE, bytes: await readFile(`${path}.map`) };
  } catch {
    // Without it the line of a trap is not known.
    return null;
  }
}
