// The package's main entry: what a host application embeds.

export type { AdminOptions } from './admin/admin.ts';
export { Admin, openAdmin } from './admin/admin.ts';
export { LogTail } from './admin/log-tail.ts';
export type { Code } from './errors.ts';
export { StoreError, WasmpollError } from './errors.ts';
export type { Listen, ListenOptions } from './listen/spec.ts';
export type {
  Counts,
  GuestMetric,
  GuestMetrics,
  Histogram,
  Histograms,
  Snapshot,
} from './memory/counts/stats.ts';
export type { ModuleSource } from './module/protocol-module.ts';
export type { LiveSettings, Policy, Setting, SettingName, Unit } from './policy.ts';
export { liveSettings, settings } from './policy.ts';
export type { ClosedConnection } from './server/endings.ts';
export type { GuestFailure, ServerEvents } from './server/events.ts';
export type { Logger } from './server/logger.ts';
export type { ServeOptions, SwapOptions } from './server/options.ts';
export { serve } from './server/serve.ts';
export { Server } from './server/server.ts';
export type {
  ConnectionInfo,
  ConnectionsPage,
  ConnectionsQuery,
} from './server/status/connections.ts';
export type { ServerState, ServerStats, ServerStatus } from './server/status/status.ts';
export type { SharedCounts } from './shared/counts.ts';
export type { Retention } from './shared/member/member.ts';
export type { Expectation, Store, StoredValue, TimeToLive } from './shared/member/requests.ts';
export type { MessageHandler, MessageInfo, Subscription } from './shared/member/subscriptions.ts';
export type { UpstreamStats, UpstreamsStats } from './upstreams/operator.ts';
export type { UpstreamOptions, Upstreams } from './upstreams/spec/spec.ts';
export type { TargetStatus } from './upstreams/upstream.ts';
export type { Stdio } from './wasi/inheritance.ts';
export type { RunOptions } from './wasi/options.ts';
export type { RunPolicy } from './wasi/policy.ts';
export { Run, runWasi } from './wasi/run.ts';
