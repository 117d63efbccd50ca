// Arguments: what a program gives to its own side of shared state, checked and made bytes. A message names the
// method, and says what it takes. It asks nobody whether there is room.

import { WasmpollError } from '../../errors.ts';
import { VERSION_BYTES } from '../../policy.ts';
import { isPattern, isTopic } from '../names.ts';
import { topicBytes } from './topic-text.ts';

/** The longest time to live: 49 days, as u32 has it. */
const LONGEST_MS = 2 ** 32 - 1;

const utf8 = new TextEncoder();

const refuse = (method: string, why: string): never => {
  throw new WasmpollError('ERR_OPTION', `${method}: ${why}`);
};

/** Text in quotation marks: '1' is no number. */
const shown = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : String(value);

/**
 * Text as UTF-8, or bytes as they are.
 * @param most bytes that are taken; `limit` is the setting that says so
 * @throws WasmpollError ERR_OPTION, as all functions of this file do
 */
export function toBytes(
  method: string,
  what: string,
  value: unknown,
  most: number,
  limit: string,
): Uint8Array {
  const bytes = typeof value === 'string' ? utf8.encode(value) : value;
  if (!(bytes instanceof Uint8Array)) {
    return refuse(method, `${what} must be a string or a Uint8Array, got ${typeof value}`);
  }
  if (bytes.length <= most) return bytes;
  return refuse(
    method,
    `${what} takes at most ${most} bytes (${limit}), and this has ${bytes.length}`,
  );
}

/** The bytes of a topic that is published or sent to. */
export function toTopic(method: string, topic: unknown, most: number): Uint8Array {
  const bytes = checkedTopic(method, topic, most);
  if (isTopic(bytes, 0, bytes.length)) return bytes;
  return refuse(method, `'${String(topic)}' is a pattern: a topic has no '+' and no '#'`);
}

/** The bytes of a topic to join; with `pattern`, of a pattern. */
export function toFilter(
  method: string,
  topic: unknown,
  pattern: unknown,
  most: number,
): Uint8Array {
  if (pattern !== undefined && typeof pattern !== 'boolean') {
    return refuse(method, `pattern must be true or false, got ${typeof pattern}`);
  }
  const bytes = checkedTopic(method, topic, most);
  if (pattern !== true || isPattern(bytes, 0, bytes.length)) return bytes;
  return refuse(
    method,
    `'${String(topic)}' is no pattern: '+' and '#' stand for whole levels, '#' for the last ones`,
  );
}

function checkedTopic(method: string, topic: unknown, most: number): Uint8Array {
  if (typeof topic !== 'string') {
    return refuse(method, `the topic must be a string, got ${typeof topic}`);
  }
  if (topic.length === 0) return refuse(method, 'the topic is empty');
  return toBytes(method, 'the topic', topicBytes(topic), most, 'maxTopicBytes');
}

/** A key has one byte at least. */
export function toKey(method: string, key: unknown, most: number): Uint8Array {
  const bytes = toBytes(method, 'the key', key, most, 'maxKeyBytes');
  return bytes.length > 0 ? bytes : refuse(method, 'the key is empty');
}

/** @returns zeros for null, which is "must be absent"; undefined for whatever is there */
export function toVersion(method: string, version: unknown): Uint8Array | undefined {
  if (version === undefined) return undefined;
  if (version === null) return new Uint8Array(VERSION_BYTES);
  if (version instanceof Uint8Array && version.length === VERSION_BYTES) return version;
  return refuse(method, 'expected must be a version that the store has given, or null');
}

export function toTtl(method: string, ttlMs: unknown = 0): number {
  if (Number.isInteger(ttlMs) && (ttlMs as number) >= 0 && (ttlMs as number) <= LONGEST_MS) {
    return ttlMs as number;
  }
  return refuse(
    method,
    `ttlMs must be a whole number from 0 to ${LONGEST_MS}, got ${shown(ttlMs)}`,
  );
}

export function toDelta(method: string, delta: unknown): number {
  if (typeof delta === 'number' && Number.isFinite(delta)) return delta;
  return refuse(method, `delta must be a finite number, got ${shown(delta)}`);
}
