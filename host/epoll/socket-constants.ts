// The numbers of the usual socket options, from the kernel's headers by way of the addon. Knows
// nothing else.

import { native } from '../kernel/native.ts';

const { constants } = native;

/** Reading, for `shutdown`. shutdown(2). */
export const SHUT_RD: number = constants.SHUT_RD;
/** Writing, for `shutdown`: the peer reads the end of the stream. shutdown(2). */
export const SHUT_WR: number = constants.SHUT_WR;
/** Both directions, for `shutdown`. shutdown(2). */
export const SHUT_RDWR: number = constants.SHUT_RDWR;
/** The longest backlog that makes sense. listen(2). */
export const SOMAXCONN: number = constants.SOMAXCONN;
/** The level of the SO_… options. socket(7). */
export const SOL_SOCKET: number = constants.SOL_SOCKET;
/** The pending error, as an errno; reading it clears it. socket(7). */
export const SO_ERROR: number = constants.SO_ERROR;
/** Whether a silent connection is probed. socket(7). */
export const SO_KEEPALIVE: number = constants.SO_KEEPALIVE;
/** Bytes of the receive buffer; the kernel doubles what is set. socket(7). */
export const SO_RCVBUF: number = constants.SO_RCVBUF;
/** Bytes that make a socket readable. socket(7). */
export const SO_RCVLOWAT: number = constants.SO_RCVLOWAT;
/** Whether an address in TIME_WAIT can be listened on. socket(7). */
export const SO_REUSEADDR: number = constants.SO_REUSEADDR;
/** Whether several sockets may listen on one address. socket(7). */
export const SO_REUSEPORT: number = constants.SO_REUSEPORT;
/** Bytes of the send buffer; the kernel doubles what is set. socket(7). */
export const SO_SNDBUF: number = constants.SO_SNDBUF;
/** The type of the socket; cannot be set. socket(7). */
export const SO_TYPE: number = constants.SO_TYPE;
/** The level of the TCP_… options. tcp(7). */
export const IPPROTO_TCP: number = constants.IPPROTO_TCP;
/** Whether partial segments wait, for up to 200 ms. tcp(7). */
export const TCP_CORK: number = constants.TCP_CORK;
/** Seconds for which a connection without data is not accepted. tcp(7). */
export const TCP_DEFER_ACCEPT: number = constants.TCP_DEFER_ACCEPT;
/** Probes without an answer that end a connection. tcp(7). */
export const TCP_KEEPCNT: number = constants.TCP_KEEPCNT;
/** Seconds of silence before the first probe. tcp(7). */
export const TCP_KEEPIDLE: number = constants.TCP_KEEPIDLE;
/** Seconds between probes. tcp(7). */
export const TCP_KEEPINTVL: number = constants.TCP_KEEPINTVL;
/** Whether small segments go out at once, without Nagle's algorithm. tcp(7). */
export const TCP_NODELAY: number = constants.TCP_NODELAY;
/** Unsent bytes above which a socket is not writable. tcp(7). */
export const TCP_NOTSENT_LOWAT: number = constants.TCP_NOTSENT_LOWAT;
/** Whether acknowledgements go out at once; not permanent. tcp(7). */
export const TCP_QUICKACK: number = constants.TCP_QUICKACK;
/** Milliseconds for which sent data may stay unacknowledged. tcp(7). */
export const TCP_USER_TIMEOUT: number = constants.TCP_USER_TIMEOUT;
/** The level of the IPV6_… options. ipv6(7). */
export const IPPROTO_IPV6: number = constants.IPPROTO_IPV6;
/** Whether an IPv6 socket refuses IPv4; set before it is bound. ipv6(7). */
export const IPV6_V6ONLY: number = constants.IPV6_V6ONLY;
