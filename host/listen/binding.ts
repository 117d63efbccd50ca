// Binding: opens the sockets of one plan, all of them or none. A name may have several addresses, some of which
// this machine lacks; a passed name may stand for several sockets.

import type { Native } from '../kernel/native.ts';
import type { Policy } from '../policy.ts';
import { type Adopted, adopt } from './activation.ts';
import type { Address } from './address.ts';
import { Listener } from './listener.ts';
import { type Plan, parseAll, planAll } from './plan.ts';
import type { Listen, ListenSpec } from './spec.ts';

export interface Bound {
  readonly listener: Listener;
  /** What was asked for, in numbers: with port 0, not the port that the kernel has chosen. */
  readonly key: string;
}

// A port that is free for one family may be taken for the other: then the kernel chooses again.
const PORT_TRIES = 8;

/** @throws an Error in Node's form or WasmpollError ERR_ADDRESS */
export function bindPlan(native: Native, { spec, addresses }: Plan, policy: Policy): Bound[] {
  const { place } = spec;
  if (place.kind === 'fd') {
    return adopt(native, place.name).map((socket) => bindOne(native, socket, spec, policy));
  }
  const chosen = place.kind === 'tcp' && place.port === 0;
  for (let tries = 1; ; tries += 1) {
    const bound: Bound[] = [];
    try {
      bindAll(native, addresses, spec, policy, bound);
      return bound;
    } catch (error) {
      for (const { listener } of bound) closeQuietly(listener);
      const taken = codeOf(error) === 'EADDRINUSE' && bound.length > 0;
      if (!taken || !chosen || tries === PORT_TRIES) throw error;
    }
  }
}

/** Opens all addresses, and closes them again. Sockets that were passed are left alone. Rejects as `bindPlan` throws. */
export async function tryAll(
  native: Native,
  listen: readonly Listen[],
  policy: Policy,
): Promise<void> {
  for (const plan of await planAll(parseAll(listen))) {
    if (plan.spec.place.kind === 'fd') continue;
    for (const { listener } of bindPlan(native, plan, policy)) closeQuietly(listener);
  }
}

function bindOne(
  native: Native,
  place: Address | Adopted,
  { file }: ListenSpec,
  policy: Policy,
): Bound {
  return { listener: new Listener(native, place, policy, file), key: keyOf(place) };
}

/** Of several addresses some may be missing on this machine. @param bound gets those that are there */
function bindAll(
  native: Native,
  addresses: readonly Address[],
  spec: ListenSpec,
  policy: Policy,
  bound: Bound[],
): void {
  let [port, missing]: [number, unknown] = [0, null];
  for (const address of addresses) {
    try {
      const { listener } = bindOne(native, withPort(address, port), spec, policy);
      bound.push({ listener, key: keyOf(address) });
      port = Number(/:(\d+)$/.exec(listener.address)?.[1] ?? 0);
    } catch (error) {
      if (addresses.length === 1 || !MISSING.includes(codeOf(error))) throw error;
      missing = error;
    }
  }
  if (bound.length === 0) throw missing;
}

const MISSING = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

const withPort = (address: Address, port: number): Address =>
  address.kind === 'tcp' && address.port === 0 ? { ...address, port } : address;

/** Tells places apart. */
export function keyOf(place: Address | Adopted): string {
  if ('fd' in place) return `fd:${place.passed}`;
  return place.kind === 'unix' ? `unix:${place.path}` : `${place.host} ${place.port}`;
}

/** What is reported is why nothing is listened on, not what came after it. */
export function closeQuietly(listener: Listener): void {
  try {
    listener.close();
  } catch (error) {
    if (codeOf(error) === '') throw error;
  }
}
