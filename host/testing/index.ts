// Testing, as `wasmpoll/testing` has it: guests on a network in memory, and crash files played again. None of it knows
// Node.

export { type Crash, readCrash } from '../crashes/crash.ts';
export * from './harness.ts';
export { type Replayed, replay } from './replay.ts';
export { Upstream, type UpstreamOptions, UpstreamPeer } from './upstream.ts';
