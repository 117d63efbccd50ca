// Records of TLS made by hand, for what no client would send: the handshake is node:tls's, and from then on
// records are sealed here with its keys. AES-128-GCM with SHA-256 alone. RFC 5246, 5288 and 8446.

import { createCipheriv, createHmac } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import type { Tls } from '../../host/kernel/tls/addon-tls.ts';
import { ClientEnd, exchange, ServerEnd } from './tls-end.ts';

export const CHANGE_CIPHER = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;
export const DATA = 23;

/** A warning that says nothing; the other party may go on. */
export const USER_CANCELED = Buffer.of(1, 90);
export const NO_RENEGOTIATION = Buffer.of(1, 100);
export const CLOSE_NOTIFY = Buffer.of(1, 0);
export const KEY_UPDATE = Buffer.of(24, 0, 0, 1, 0);
export const KEY_UPDATE_ASKED = Buffer.of(24, 0, 0, 1, 1);
export const HELLO_REQUEST = Buffer.of(0, 0, 0, 0);

const KEY_BYTES = 16;
const IV_BYTES = 12;
const SALT_BYTES = 4;

export type Version = 'TLSv1.2' | 'TLSv1.3';

const hmac = (key: Buffer, ...parts: Buffer[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest();

// HKDF-Expand-Label, for no more than one block.
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = [Buffer.of(0, length, name.length), name, Buffer.of(0), Buffer.of(1)];
  return hmac(secret, ...info).subarray(0, length);
}

// PRF, for as many blocks as are asked for.
function stretch(secret: Buffer, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = hmac(secret, seed); blocks.length * 32 < length; at = hmac(secret, at)) {
    blocks.push(hmac(secret, at, seed));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** The client's way of sealing, from where its handshake has left off. */
class Sealer {
  readonly #version: Version;
  #secret: Buffer;
  #key: Buffer = Buffer.alloc(0);
  #iv: Buffer = Buffer.alloc(0);
  #sequence: bigint;

  constructor(version: Version, secret: Buffer, randoms: Buffer) {
    this.#version = version;
    this.#secret = secret;
    // TLS 1.2 has sealed its Finished by then.
    this.#sequence = version === 'TLSv1.3' ? 0n : 1n;
    if (version === 'TLSv1.3') {
      this.#arm();
      return;
    }
    const block = stretch(secret, Buffer.concat([Buffer.from('key expansion'), randoms]), 40);
    this.#key = block.subarray(0, KEY_BYTES);
    this.#iv = block.subarray(2 * KEY_BYTES, 2 * KEY_BYTES + SALT_BYTES);
  }

  #arm(): void {
    this.#key = expand(this.#secret, 'key', KEY_BYTES);
    this.#iv = expand(this.#secret, 'iv', IV_BYTES);
  }

  /** Keys change behind a KeyUpdate. */
  change(): void {
    this.#secret = expand(this.#secret, 'traffic upd', 32);
    this.#sequence = 0n;
    this.#arm();
  }

  seal(type: number, content: Buffer): Buffer {
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(this.#sequence);
    this.#sequence += 1n;
    return this.#version === 'TLSv1.3'
      ? this.#seal13(type, content, sequence)
      : this.#seal12(type, content, sequence);
  }

  #seal13(type: number, content: Buffer, sequence: Buffer): Buffer {
    const inner = Buffer.concat([content, Buffer.of(type)]);
    const header = Buffer.of(DATA, 3, 3, 0, 0);
    header.writeUInt16BE(inner.length + 16, 3);
    const nonce = Buffer.from(this.#iv);
    for (let at = 0; at < 8; at += 1) nonce[at + 4]! ^= sequence[at]!;
    return Buffer.concat([header, this.#cipher(nonce, header, inner)]);
  }

  #seal12(type: number, content: Buffer, sequence: Buffer): Buffer {
    const header = Buffer.of(type, 3, 3, 0, 0);
    header.writeUInt16BE(content.length, 3);
    const sealed = this.#cipher(
      Buffer.concat([this.#iv, sequence]),
      Buffer.concat([sequence, header]),
      content,
    );
    header.writeUInt16BE(sealed.length + 8, 3);
    return Buffer.concat([header, sequence, sealed]);
  }

  #cipher(nonce: Buffer, covered: Buffer, content: Buffer): Buffer {
    const cipher = createCipheriv('aes-128-gcm', this.#key, nonce).setAAD(covered);
    return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  }
}

const CIPHERS = {
  'TLSv1.2': 'ECDHE-ECDSA-AES128-GCM-SHA256',
  'TLSv1.3': 'TLS_AES_128_GCM_SHA256',
} as const;
const LABELS = { 'TLSv1.2': 'CLIENT_RANDOM', 'TLSv1.3': 'CLIENT_TRAFFIC_SECRET_0' } as const;

export interface Forged {
  readonly end: ServerEnd;
  /** A record as the client would seal it. */
  seal(type: number, content: Buffer): Buffer;
  /** A KeyUpdate; records behind it have other keys. */
  change(asks?: boolean): Buffer;
  /** @returns what the server's receive of it gave */
  put(...records: Buffer[]): number;
  /** What the server has sent since. */
  drain(): void;
}

/** A server's end whose client has shaken hands, and says what the test wants from then on. */
export async function forged(t: ExecutionContext, tls: Tls, version: Version): Promise<Forged> {
  const end = new ServerEnd(t, tls);
  const limits = { minVersion: version, maxVersion: version, ciphers: CIPHERS[version] };
  const client = new ClientEnd(t, end, limits);
  let secret = '';
  let clientRandom = '';
  client.socket.on('keylog', (line: Buffer) => {
    const [label, random = '', value = ''] = line.toString().trim().split(' ');
    if (label !== LABELS[version]) return;
    clientRandom = random;
    secret = value;
  });
  await exchange(end, client);
  t.true(end.ready);
  // Behind the record's and the message's header, and the version.
  const serverRandom = client.first.subarray(11, 43);
  const randoms = Buffer.concat([serverRandom, Buffer.from(clientRandom, 'hex')]);
  const sealer = new Sealer(version, Buffer.from(secret, 'hex'), randoms);
  return {
    end,
    seal: (type, content) => sealer.seal(type, content),
    change: (asks = false) => {
      const record = sealer.seal(HANDSHAKE, asks ? KEY_UPDATE_ASKED : KEY_UPDATE);
      sealer.change();
      return record;
    },
    put: (...records) => {
      client.put(Buffer.concat(records));
      return end.receive();
    },
    drain: () => client.drop(),
  };
}
