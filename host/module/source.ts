// Source: where a guest module comes from: a bundled name, a path, a URL, bytes. It reads the file, and
// leaves what is in it to the loader.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, WasmpollError } from '../errors.ts';
import type { ModuleLimits } from './limits.ts';
import type { GuestModule, ModuleSource } from './load.ts';
import { loadModule } from './protocol-module.ts';
import { COPIED_BYTES, inSlices } from './slices.ts';

/** A module, and which one it is. */
export interface LoadedProtocol extends GuestModule {
  /** Of its bytes as they were read or given, in hexadecimal; null for a module that was compiled before. */
  readonly sha256: string | null;
}

const bundledFolder = new URL('../../protocols/', import.meta.url);

/** The names of the protocols that come with the package. */
export async function bundledProtocols(): Promise<string[]> {
  const files = await readdir(bundledFolder);
  return files
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => file.slice(0, -5))
    .sort();
}

/** Something to load, and a name for messages. */
interface Resolved {
  readonly name: string;
  readonly source: ModuleSource;
  /** Where it was read; undefined for what was there already. */
  readonly folder?: string;
}

/**
 * What `serve()` takes as its protocol, as something to load and a name for messages.
 * A string with a slash, or that ends in .wasm, is a path or a file: URL; any other a bundled name.
 * @param maxBytes a larger file is not read
 * @throws WasmpollError ERR_MODULE
 */
export async function resolveProtocol(
  protocol: string | URL | ModuleSource,
  maxBytes: number,
): Promise<Resolved> {
  if (typeof protocol !== 'string' && !(protocol instanceof URL)) {
    return { name: 'guest', source: protocol };
  }
  const text = String(protocol);
  if (protocol instanceof URL || isUrl(text)) {
    return read(pathOf(text), maxBytes);
  }
  if (text.includes('/') || text.endsWith('.wasm')) return read(text, maxBytes);
  const names = await bundledProtocols();
  if (!names.includes(text)) {
    throw refused(
      text,
      `no bundled protocol of that name (${names.join(', ')}); for a file give its path`,
    );
  }
  const found = await read(fileURLToPath(new URL(`${text}.wasm`, bundledFolder)), maxBytes);
  return { ...found, name: text };
}

/**
 * Loads what `serve()` takes as its protocol: a bundled name, a path, a file: URL, or a module.
 * @throws WasmpollError ERR_MODULE; see `resolveProtocol` and `loadModule`
 */
export async function loadProtocol(
  protocol: string | URL | ModuleSource,
  limits: ModuleLimits,
): Promise<LoadedProtocol> {
  const { name, source, folder } = await resolveProtocol(protocol, limits.maxModuleBytes);
  const read = folder !== undefined;
  const loading = loadModule(read ? { own: source as Uint8Array } : source, limits, name);
  // Once it is known to be neither too large nor something else.
  const digest = hexDigest(source, limits);
  const { map, ...module } = await loading;
  const loaded = { ...module, sha256: await digest };
  if (!read || map === undefined) return loaded;
  return { ...loaded, map: { ...map, map: join(folder, map.map) } };
}

/** @returns null for what is not bytes, or too many */
async function hexDigest(source: ModuleSource, limits: ModuleLimits): Promise<string | null> {
  const isBytes = ArrayBuffer.isView(source) || source instanceof ArrayBuffer;
  if (!isBytes || source.byteLength > limits.maxModuleBytes) return null;
  const view = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  return inSlices(digesting(view));
}

function* digesting(bytes: Uint8Array): Generator<void, string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += COPIED_BYTES) {
    hash.update(bytes.subarray(at, at + COPIED_BYTES));
    yield;
  }
  return hash.digest('hex');
}

/**
 * What `runWasi()` takes as its module: a path, a file: URL, or what is there already.
 * @param maxBytes a larger file is not read
 * @throws WasmpollError ERR_MODULE
 */
export async function resolveModule(
  module: string | URL | ModuleSource,
  maxBytes: number,
): Promise<{ name: string; source: ModuleSource }> {
  if (typeof module !== 'string' && !(module instanceof URL)) {
    return { name: 'guest.wasm', source: module };
  }
  const text = String(module);
  return read(isUrl(text) ? pathOf(text, 'module') : text, maxBytes, 'module');
}

const isUrl = (text: string): boolean => /^(?:file:|[a-z][a-z\d+.-]*:\/\/)/i.test(text);

type What = 'protocol' | 'module';

function pathOf(url: string, what: What = 'protocol'): string {
  if (!/^file:/i.test(url)) throw refused(url, 'only file: URLs can be read', null, what);
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw refused(url, messageOf(error), error, what);
  }
}

async function read(
  path: string,
  maxBytes: number,
  what: What = 'protocol',
): Promise<Resolved & { source: Uint8Array }> {
  // Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    throw refused(path, reasonOf(error), error, what);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw refused(path, stat.isDirectory() ? 'is a folder' : 'is not a regular file', null, what);
    if (stat.size > maxBytes) {
      const found = `has ${stat.size} bytes, over ${maxBytes}`;
      const advice = 'make the module smaller or raise maxModuleBytes';
      throw refused(path, `${found}; ${advice}`, null, what);
    }
    return { name: basename(path), source: await file.readFile(), folder: dirname(resolve(path)) };
  } finally {
    await file.close();
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as { code?: string };
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file';
  return code === 'EACCES' ? 'no permission to read it' : messageOf(error);
}

const refused = (
  name: string,
  why: string,
  cause: unknown = null,
  what: What = 'protocol',
): WasmpollError => new WasmpollError('ERR_MODULE', `${what} '${name}': ${why}`, { cause });
