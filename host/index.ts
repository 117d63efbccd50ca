// The package's main entry: what a host application embeds.

export type { ServerStats } from './engine.ts';
export * from './epoll.ts';
export type { Code } from './errors.ts';
export { WasmpollError } from './errors.ts';
export type { Logger } from './log.ts';
export type { ModuleSource } from './module.ts';
export type { Policy, Setting, SettingName, Unit } from './policy.ts';
export { settings } from './policy.ts';
export type { ServerEvents } from './relay.ts';
export type { ServeOptions, SwapOptions } from './server.ts';
export { Server, serve } from './server.ts';
export type { Snapshot } from './stats.ts';
export type { Stdio } from './wasi/inheritance.ts';
export type { RunOptions } from './wasi/options.ts';
export type { RunPolicy } from './wasi/policy.ts';
export { Run, runWasi } from './wasi/run.ts';
