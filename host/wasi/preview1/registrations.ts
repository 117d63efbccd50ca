// Registrations: the epoll set that lives as long as the guest, and what it watches each number for. It
// does not know what a poll asks for, nor what becomes of an event.

import type { Native, NativeEpoll } from '../../kernel/native.ts';
import { type Descriptors, WAKE_TOKEN } from './descriptors.ts';

/** In `masks`: epoll refuses it, since it is always ready (/dev/null). */
export const ALWAYS = 0x8000_0000;

export class Registrations {
  /** By number: the events that epoll watches it for; 0 if it does not, or `ALWAYS`. */
  readonly masks: Uint32Array;
  readonly #descriptors: Descriptors;
  readonly #refused: number;
  readonly #epoll: NativeEpoll;

  /**
   * @param wake a descriptor whose reading events have `WAKE_TOKEN`
   * @throws SystemError when there can be no epoll set
   */
  constructor(native: Native, descriptors: Descriptors, wake: number) {
    const { EPOLLIN, EPERM } = native.constants;
    this.#descriptors = descriptors;
    this.#refused = -EPERM;
    this.masks = new Uint32Array(descriptors.kinds.length);
    this.#epoll = native.epoll();
    this.#epoll.add(wake, EPOLLIN, wake, WAKE_TOKEN);
  }

  /**
   * Has epoll watch an open number for exactly `mask`; 0 is nothing.
   * @returns 0, also for what is `ALWAYS` ready from now on, or −errno
   */
  watch(number: number, mask: number): number {
    const { masks } = this;
    const fd = this.#descriptors.fd(number);
    const before = masks[number]!;
    const result = mask === 0 ? this.#epoll.remove(fd) : this.#set(number, fd, mask, before === 0);
    if (result >= 0) masks[number] = mask;
    else if (result === this.#refused) masks[number] = ALWAYS;
    return result === this.#refused ? 0 : result;
  }

  #set(number: number, fd: number, mask: number, fresh: boolean): number {
    const token = this.#descriptors.token(number);
    return fresh ? this.#epoll.add(fd, mask, fd, token) : this.#epoll.modify(fd, mask, fd, token);
  }

  /** Before a number is closed or gets another one: nothing about it comes any more. */
  forget(number: number): void {
    const mask = this.masks[number]!;
    if (mask !== 0 && mask !== ALWAYS) this.#epoll.remove(this.#descriptors.fd(number));
    this.masks[number] = 0;
  }

  /** A descriptor whose event names no open number is watched no more. */
  discard(fd: number): void {
    this.#epoll.remove(fd);
  }

  /** What is ready within `timeoutMs`, as `NativeEpoll.waitReady` writes it. */
  wait(ready: Uint32Array, timeoutMs: number): number {
    return this.#epoll.waitReady(ready, timeoutMs);
  }

  close(): void {
    this.#epoll.close();
  }
}
