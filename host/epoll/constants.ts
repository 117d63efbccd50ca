// epoll's numbers, from the kernel's headers by way of the addon. Knows nothing else.

import { native } from '../kernel/native.ts';

const { constants } = native;

/** There is something to read, or the end of the stream. epoll_ctl(2). */
export const EPOLLIN: number = constants.EPOLLIN;
/** There is an exceptional condition, such as out-of-band data on a TCP socket; poll(2). */
export const EPOLLPRI: number = constants.EPOLLPRI;
/** Writing is possible. epoll_ctl(2). */
export const EPOLLOUT: number = constants.EPOLLOUT;
/**
 * An error is pending (SO_ERROR), or the reader of a pipe is gone. Always reported, asked for or
 * not. epoll_ctl(2).
 */
export const EPOLLERR: number = constants.EPOLLERR;
/** Both directions have ended. Always reported, asked for or not. epoll_ctl(2). */
export const EPOLLHUP: number = constants.EPOLLHUP;
/** As EPOLLIN on most kinds of descriptors; poll(2). */
export const EPOLLRDNORM: number = constants.EPOLLRDNORM;
/** Priority data can be read; generally unused on Linux; poll(2). */
export const EPOLLRDBAND: number = constants.EPOLLRDBAND;
/** As EPOLLOUT on most kinds of descriptors; poll(2). */
export const EPOLLWRNORM: number = constants.EPOLLWRNORM;
/** Priority data may be written; poll(2). */
export const EPOLLWRBAND: number = constants.EPOLLWRBAND;
/** Unused by Linux; poll(2). */
export const EPOLLMSG: number = constants.EPOLLMSG;
/** The peer has shut down its writing half. epoll_ctl(2). */
export const EPOLLRDHUP: number = constants.EPOLLRDHUP;
/**
 * Wakes one, not all, of the sets that watch a descriptor. Goes only with IN, OUT, ERR, HUP,
 * WAKEUP and ET, and only into `register`; anything else is EINVAL. epoll_ctl(2).
 */
export const EPOLLEXCLUSIVE: number = constants.EPOLLEXCLUSIVE;
/**
 * Keeps the system from suspending while the event is handled; needs CAP_BLOCK_SUSPEND, and is
 * ignored without. epoll_ctl(2).
 */
export const EPOLLWAKEUP: number = constants.EPOLLWAKEUP;
/** Disables the descriptor after one event, until `modify` arms it again. epoll_ctl(2). */
export const EPOLLONESHOT: number = constants.EPOLLONESHOT;
/**
 * Reports changes instead of states: edge-triggered. 2147483648, which `|` makes negative; masks
 * may be. epoll_ctl(2).
 */
export const EPOLLET: number = constants.EPOLLET;
/** The only flag of `new Epoll()`, and always in effect; epoll_create(2). */
export const EPOLL_CLOEXEC: number = constants.EPOLL_CLOEXEC;
