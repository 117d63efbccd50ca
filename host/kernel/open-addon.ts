// Opens the addon, and checks that it is of this version. It is given the file; threads run it as well,
// from where no file can be found.

import { messageOf, WasmpollError } from '../errors.ts';
import type { SharedLimits } from '../shared/contract.ts';
import * as records from '../shared/records.ts';
import type { Addon, Native } from './addon.ts';
import { names } from './constant-names.ts';
import type { TlsPlace } from './contract.ts';
import * as rows from './rows.ts';
import * as tlsRows from './tls/tls-rows.ts';

/**
 * Opens an addon. One that this process has opened already needs no file: the loader knows it by its path.
 * @throws WasmpollError ERR_ADDON
 */
export const openNative = (file: string): Native => toNative(open(file), file);

/**
 * An addon as a kernel.
 * @param file where it lies
 * @throws WasmpollError ERR_ADDON when it is of another version
 */
export function toNative(addon: Addon, file: string): Native {
  const expected: Readonly<Record<string, unknown>> = { ...rows, ...tlsRows, ...records };
  const differing = Object.keys(expected).filter((name) => addon.layout?.[name] !== expected[name]);
  const missing = names.filter((name) => typeof addon.constants?.[name] !== 'number');
  if (differing.length + missing.length > 0) {
    const what = [...differing, ...missing].join(', ');
    throw new WasmpollError(
      'ERR_ADDON',
      `${file} is of another version (${what} differ): build or install it again`,
    );
  }
  const { Epoll, Io, Shared, TlsSeat, layout: _layout, ...calls } = addon;
  return Object.freeze({
    ...calls,
    file,
    epoll: (fd?: number) => new Epoll(fd),
    io: (rows: Int32Array, tls?: TlsPlace) => {
      const io = new Io(rows);
      if (tls !== undefined) io.secure(tls.id, tls.seat);
      return io;
    },
    tlsSeat: (tls: TlsPlace) => new TlsSeat(tls.id, tls.seat),
    shared: (limits: SharedLimits) => new Shared(limits),
  });
}

function open(file: string): Addon {
  const module: { exports: unknown } = { exports: {} };
  try {
    // Not require(): it looks for the file, which may be gone when a thread starts.
    process.dlopen(module, file);
  } catch (error) {
    throw new WasmpollError('ERR_ADDON', `the addon cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return module.exports as Addon;
}
