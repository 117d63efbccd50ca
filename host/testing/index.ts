// Testing, as `wasmpoll/testing` has it: guests on a network in memory, and crash files played again. None of it knows
// Node.

export { type Crash, readCrash } from '../crashes/crash.ts';
export { type CrashRecording, isRecording, readRecording } from '../crashes/recorded-crash.ts';
export type { GuestMetric, GuestMetrics, Histogram, Snapshot } from '../memory/counts/stats.ts';
export type { ModuleSource } from '../module/protocol-module.ts';
export type { SharedCounts } from '../shared/counts.ts';
export * from './harness.ts';
export {
  type Replayed,
  type ReplayedRecording,
  replay,
  replayRecording,
} from './replay.ts';
export { Upstream, type UpstreamOptions, UpstreamPeer } from './upstream.ts';
