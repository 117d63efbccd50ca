// Logger: what a server needs of one, which pino and most others have, and how guests' levels and bytes
// look in a line. Without a logger the server is silent. It knows no event.

import { LOG_DEBUG, LOG_INFO, LOG_WARN } from '../../assembly/abi.ts';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** When it says no for `debug`, connections are not even told of. */
  isLevelEnabled?(level: string): boolean;
}

/** Levels of a log, as an operator names them. */
export const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];

const ignore = (): void => undefined;

export const silent: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  isLevelEnabled: () => false,
};

/** The logger, whose lines have these fields as well. */
export const withFields = (logger: Logger, own: object): Logger => ({
  debug: (fields, message) => logger.debug({ ...own, ...fields }, message),
  info: (fields, message) => logger.info({ ...own, ...fields }, message),
  warn: (fields, message) => logger.warn({ ...own, ...fields }, message),
  error: (fields, message) => logger.error({ ...own, ...fields }, message),
  isLevelEnabled: (level) => logger.isLevelEnabled?.(level) ?? true,
});

/** Writes at one of the guest's levels, LOG_…. */
export function logAt(logger: Logger, level: number, fields: object, message: string): void {
  if (level <= LOG_DEBUG) logger.debug(fields, message);
  else if (level === LOG_INFO) logger.info(fields, message);
  else if (level === LOG_WARN) logger.warn(fields, message);
  else logger.error(fields, message);
}

const SHOWN_BYTES = 4096;

/** Bytes as Python prints them, `hello\r\n\x00`; at most 4,096 of them. */
export function bytesText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    if (byte === 0x0a) text += '\\n';
    else if (byte === 0x0d) text += '\\r';
    else if (byte === 0x09) text += '\\t';
    else if (byte === 0x5c) text += '\\\\';
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return bytes.length > SHOWN_BYTES ? `${text}… (${bytes.length} bytes)` : text;
}
