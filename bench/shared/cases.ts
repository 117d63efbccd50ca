// What is measured, by name. Each case runs in a process of its own: what V8 has compiled for one must not depend on
// another.

import { byKernel, byNet, byReactor, MEMBERS, withoutKernel } from './fan-out.ts';
import type { Measured } from './ground.ts';
import { keysOverSockets, keysWithoutKernel } from './keys.ts';
import { byPostMessage } from './threads.ts';

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly make: () => Promise<Measured> | Measured;
}

export const fanOut: readonly Case[] = [
  {
    name: 'kernel',
    title: "the kernel's send alone, in one native call",
    make: () => byKernel(MEMBERS),
  },
  {
    name: 'kernel-each',
    title: "the kernel's send alone, in a native call each",
    make: () => byKernel(1),
  },
  { name: 'topic', title: 'a topic', make: () => byReactor('relay') },
  { name: 'list', title: 'a guest without topics: a send to each', make: () => byReactor('fan') },
  { name: 'net', title: "Node's net: a write to each socket", make: byNet },
];

export const fanOutAlone: readonly Case[] = [
  { name: 'topic-alone', title: 'a topic', make: () => withoutKernel('relay') },
  { name: 'list-alone', title: 'a guest without topics', make: () => withoutKernel('fan') },
];

export const requestsAlone: readonly Case[] = [
  { name: 'get-alone', title: 'get, 64 in a callback', make: () => keysWithoutKernel('g') },
  { name: 'put-alone', title: 'put, 64 in a callback', make: () => keysWithoutKernel('p') },
  { name: 'gets-alone', title: 'get, one in a callback', make: () => keysWithoutKernel('G') },
  { name: 'puts-alone', title: 'put, one in a callback', make: () => keysWithoutKernel('P') },
];

export const requests: readonly Case[] = [
  { name: 'get', title: 'get', make: () => keysOverSockets('g') },
  { name: 'put', title: 'put', make: () => keysOverSockets('p') },
];

export const messages: readonly Case[] = [
  { name: 'post-1', title: 'postMessage, one at a time', make: () => byPostMessage(1) },
  { name: 'post-64', title: 'postMessage, 64 on their way', make: () => byPostMessage(64) },
];

export const cases = [...fanOut, ...fanOutAlone, ...requestsAlone, ...requests, ...messages];
