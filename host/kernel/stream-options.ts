// Stream options: how every TCP connection is set up, and how one to another program begins, or why it could not. It knows
// numbers of the kernel, and nobody's policy.

import type { Native } from './native.ts';

// Less would cost a fast reader short writes; more, and a slow one is seen too seldom.
const NOT_SENT_BYTES = 256 * 1024;
/** What the kernel takes; tcp(7). */
const LONGEST_KEEPALIVE_S = 32_767;

/**
 * Sets the options of a connection, or of a listener, whose connections inherit them.
 * @param keepaliveMs silence after which the kernel probes the peer; 0 for never
 * @returns −errno of the first that could not be set, or 0
 */
export function setStreamOptions(native: Native, fd: number, keepaliveMs: number): number {
  const { IPPROTO_TCP, TCP_NODELAY, TCP_NOTSENT_LOWAT } = native.constants;
  const { SOL_SOCKET, SO_KEEPALIVE, TCP_KEEPIDLE } = native.constants;
  const options = [
    // The kernel takes no more than this beyond what is on its way, and tells of room as soon as there
    // is some. Without it a send buffer grows to megabytes and EPOLLOUT waits for a third of it: a
    // slow but steady reader then looks like one that takes nothing.
    [IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_BYTES],
    // A host that answers at once has no use for Nagle's algorithm (RFC 896).
    [IPPROTO_TCP, TCP_NODELAY, 1],
  ];
  if (keepaliveMs > 0) {
    const seconds = Math.min(LONGEST_KEEPALIVE_S, Math.max(1, Math.round(keepaliveMs / 1000)));
    options.push([SOL_SOCKET, SO_KEEPALIVE, 1], [IPPROTO_TCP, TCP_KEEPIDLE, seconds]);
  }
  for (const [level, option, value] of options) {
    const result = native.setOption(fd, level!, option!, value!);
    if (result < 0) return result;
  }
  return 0;
}

/** A numeric address, or the path of a Unix socket. */
type Where = { readonly address: string; readonly port: number } | { readonly path: string };

/** @returns a descriptor that may still be connecting, or −errno; −EAGAIN if the queue of a Unix socket is full */
export function beginConnecting(native: Native, where: Where, keepaliveMs: number): number {
  if ('path' in where) return native.connectUnix(where.path);
  const fd = native.connectTcp(where.address, where.port);
  if (fd < 0) return fd;
  const result = setStreamOptions(native, fd, keepaliveMs);
  if (result < 0) native.close(fd);
  return result < 0 ? result : fd;
}

/** @param result −errno */
export function connectFailure(
  { constants }: Native,
  result: number,
): 'refused' | 'timeout' | 'resources' | 'unreachable' {
  const { ECONNREFUSED, ENOENT, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL } = constants;
  const error = -result;
  if (error === ECONNREFUSED || error === ENOENT) return 'refused';
  if (error === constants.ETIMEDOUT) return 'timeout';
  const lacking = [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].includes(error);
  return lacking ? 'resources' : 'unreachable';
}
