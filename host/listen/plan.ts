// Plan: what is to be listened on, with every name resolved. Nothing is opened yet.

import { type Address, resolveAll } from './address.ts';
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
