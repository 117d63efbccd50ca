// Config: what an operator gives the guest of a service, as bytes. It knows how much that may be, and not
// what the bytes say.

import { WasmpollError } from './errors.ts';

/** A worker starts with a copy of it, and a guest copies it into its memory. */
const MOST_CONFIG_BYTES = 1024 * 1024;

/**
 * The bytes of a configuration, a copy; text as UTF-8.
 * @throws WasmpollError ERR_OPTION when it is neither text nor bytes, or too large
 */
export function configBytes(config: unknown = ''): Uint8Array {
  const text = typeof config === 'string';
  if (!text && !(config instanceof Uint8Array)) {
    throw new WasmpollError('ERR_OPTION', `config must be text or bytes, got ${typeof config}`);
  }
  const bytes = text ? new TextEncoder().encode(config) : new Uint8Array(config);
  checkConfigSize(bytes.length);
  return bytes;
}

/** @throws WasmpollError ERR_OPTION when so many bytes are too many */
export function checkConfigSize(bytes: number): void {
  if (bytes <= MOST_CONFIG_BYTES) return;
  const found = `${bytes} bytes, over the limit of ${MOST_CONFIG_BYTES}`;
  throw new WasmpollError('ERR_OPTION', `config has ${found}; make it smaller`);
}
