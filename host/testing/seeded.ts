// Seeded: bytes that look random and are the same for the same seed. For tests only: whoever knows the seed
// knows them all.

/** Bob Jenkins's small fast generator of 32 bits, as in PractRand's `jsf32`. */
export function seeded(seed: number): (bytes: Uint8Array) => void {
  let [a, b, c, d] = [0xf1ea5eed, seed | 0, seed | 0, seed | 0];
  const next = (): number => {
    const e = (a - ((b << 27) | (b >>> 5))) | 0;
    a = b ^ ((c << 17) | (c >>> 15));
    b = (c + d) | 0;
    c = (d + e) | 0;
    d = (e + a) | 0;
    return d;
  };
  // So many steps mix the seed in.
  for (let step = 0; step < 20; step += 1) next();
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = next();
  };
}
