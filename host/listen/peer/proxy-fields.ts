// Proxy fields: type, length and value, as they stand in a PROXY header of version 2 and within the field about
// TLS. It knows no type.

/** The bytes are no header, and no further byte will make them one. */
export class ProxyRefusal extends Error {}

export const REFUSED_SHORT = 'a field of the PROXY header is cut short';

export interface Field {
  readonly type: number;
  /** Where its value begins. */
  readonly at: number;
  readonly length: number;
}

/** @throws ProxyRefusal when the last one does not end at `end` */
export function* fields(header: Uint8Array, start: number, end: number): Generator<Field> {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  for (let at = start; at < end; ) {
    const length = at + 3 <= end ? view.getUint16(at + 1) : Infinity;
    if (at + 3 + length > end) throw new ProxyRefusal(REFUSED_SHORT);
    yield { type: view.getUint8(at), at: at + 3, length };
    at += 3 + length;
  }
}
