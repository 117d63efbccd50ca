// The package's main entry: what a host application embeds.

export * from './epoll.ts';
export type { Code } from './errors.ts';
export { WasmpollError } from './errors.ts';
export type { Logger } from './log.ts';
export type { ModuleSource } from './module.ts';
export type { Policy, Setting, SettingName, Unit } from './policy.ts';
export { settings } from './policy.ts';
export type { ServeOptions, ServerEvents } from './server.ts';
export { Server, serve } from './server.ts';
export type { Snapshot } from './stats.ts';
