// The hash of a map's keys: which one it is, and that clients cannot choose keys that share it.

import test from 'ava';
import { Units } from '../helpers/kit.ts';

const units = new Units();
const { call } = units;

test('keys that a multiplication takes for the same whatever the secret is do not share a hash', (t) => {
  const [one, other] = [Buffer.alloc(16), Buffer.alloc(16)];
  // The highest bit of a factor changes the highest bit of the product alone.
  other.writeBigUInt64LE(1n << 63n, 0);
  other.writeBigUInt64LE((1n << 63n) | (1n << 34n), 8);
  units.release();
  const hash = (key: Buffer): number => call.hash!(...units.put(key));
  t.not(hash(one), hash(other));
  t.is(hash(one), hash(one));
});

test('keys are hashed as SipHash-1-3 has it', (t) => {
  // The units' secret is 16 bytes of 7.
  const secret = 0x0707_0707_0707_0707n;
  for (let length = 0; length < 20; length += 1) {
    const key = Buffer.from(Array.from({ length }, (_, at) => 255 - at));
    units.release();
    const found = call.hash!(...units.put(key)) >>> 0;
    t.is(found, Number(sipHash(key, secret, secret) & 0xffff_ffffn), `${length}`);
  }
});

/** As its authors have it, in C: Aumasson and Bernstein, 2012, with one round a word and three at the end. */
function sipHash(key: Buffer, low: bigint, high: bigint): bigint {
  const words = [
    low ^ 0x736f6d6570736575n,
    high ^ 0x646f72616e646f6dn,
    low ^ 0x6c7967656e657261n,
    high ^ 0x7465646279746573n,
  ];
  const mix = (a: number, b: number, by: bigint): void => {
    words[a] = BigInt.asUintN(64, words[a]! + words[b]!);
    const turned = (words[b]! << by) | (words[b]! >> (64n - by));
    words[b] = BigInt.asUintN(64, turned) ^ words[a]!;
  };
  const halves = (at: number): void => {
    words[at] = BigInt.asUintN(64, (words[at]! << 32n) | (words[at]! >> 32n));
  };
  const round = (): void => {
    mix(0, 1, 13n);
    halves(0);
    mix(2, 3, 16n);
    mix(0, 3, 21n);
    mix(2, 1, 17n);
    halves(2);
  };
  const padded = Buffer.alloc((key.length & ~7) + 8);
  key.copy(padded);
  padded[padded.length - 1] = key.length;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    words[3]! ^= word;
    round();
    words[0]! ^= word;
  }
  words[2]! ^= 0xffn;
  for (let rounds = 0; rounds < 3; rounds += 1) round();
  return words.reduce((all, word) => all ^ word, 0n);
}
