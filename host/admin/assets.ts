// Assets: the files of the dashboard, read once, and answered with a tag by which a browser knows what it has. It
// knows nothing of what they say but one word: whether who reads it may command.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Reply } from './reply.ts';

const FILES = [
  ['/', 'text/html; charset=utf-8', new URL('./page/page.html', import.meta.url)],
  ['/style.css', 'text/css; charset=utf-8', new URL('./page/style.css', import.meta.url)],
  ['/app.js', 'text/javascript; charset=utf-8', new URL('./page/app.js', import.meta.url)],
  ['/icon.svg', 'image/svg+xml', new URL('./page/icon.svg', import.meta.url)],
] as const;

/** What page.html says where it is not known yet. */
const COMMANDS = 'data-commands="unknown"';

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly tag: string;
}

export class Assets {
  readonly #read = new Map<string, Asset>();
  readonly #written = new Map<string, Asset>();

  /** @throws Error in Node's form when the package is not whole */
  constructor() {
    for (const [path, type, url] of FILES) {
      const text = readFileSync(url, 'utf8');
      this.#read.set(path, assetOf(type, text.replace(COMMANDS, 'data-commands="no"')));
      this.#written.set(path, assetOf(type, text.replace(COMMANDS, 'data-commands="yes"')));
    }
  }

  get paths(): readonly string[] {
    return [...this.#read.keys()];
  }

  /**
   * @param commands whether actions are taken on the socket that this goes to
   * @param known the tags that the browser has, as If-None-Match says them
   */
  answer(path: string, commands: boolean, known: string | undefined): Reply {
    const { type, body, tag } = (commands ? this.#written : this.#read).get(path)!;
    const headers = { ETag: tag, 'Cache-Control': 'no-cache' };
    const same = known?.split(/\s*,\s*/).some((one) => one.replace(/^W\//, '') === tag);
    return { status: same === true ? 304 : 200, type, body: same === true ? '' : body, headers };
  }
}

function assetOf(type: string, text: string): Asset {
  const body = Buffer.from(text);
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type, body, tag };
}
