// Plan: what is to be listened on, with every name resolved. Nothing is opened yet.

import { WasmpollError } from '../errors.ts';
import { type Address, resolveAll, showAddress } from './address.ts';
import { type Listen, type ListenSpec, parseListen } from './spec.ts';

export interface Plan {
  readonly spec: ListenSpec;
  /** All addresses of a name; empty for a socket that was passed. */
  readonly addresses: readonly Address[];
}

/** @throws WasmpollError ERR_ADDRESS */
export const parseAll = (listen: Listen | readonly Listen[]): ListenSpec[] =>
  (isList(listen) ? listen : [listen]).map(parseListen);

const isList = (listen: Listen | readonly Listen[]): listen is readonly Listen[] =>
  Array.isArray(listen);

/** Rejects with WasmpollError ERR_ADDRESS when a name has no address. */
export const planAll = (specs: readonly ListenSpec[]): Promise<Plan[]> =>
  Promise.all(
    specs.map(async (spec) => ({
      spec,
      addresses: spec.place.kind === 'fd' ? [] : await resolveAll(spec.place),
    })),
  );

/** Addresses that somebody is going to listen at. */
export class Taken {
  readonly #owners = new Map<string, string>();

  /**
   * @param owner as it is shown to others
   * @throws WasmpollError ERR_ADDRESS when an address is taken already; those before it are added
   */
  add(owner: string, { addresses }: Plan): void {
    for (const address of addresses) {
      if (address.kind === 'tcp' && address.port === 0) continue;
      const text = showAddress(address);
      const before = this.#owners.get(text);
      if (before !== undefined) {
        throw new WasmpollError('ERR_ADDRESS', `${text} is taken: ${before} listens there as well`);
      }
      this.#owners.set(text, owner);
    }
  }
}
