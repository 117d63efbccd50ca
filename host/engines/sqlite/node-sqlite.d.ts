// The part of `node:sqlite` that the SQLite engine uses: Node's types for version 20 do not have it.

declare module 'node:sqlite' {
  type Value = null | number | bigint | string | Uint8Array;

  export interface StatementSync {
    get(...values: Value[]): Record<string, Value> | undefined;
    run(...values: Value[]): { changes: number | bigint };
  }

  export class DatabaseSync {
    constructor(path: string);
    exec(sql: string): void;
    prepare(sql: string): StatementSync;
    close(): void;
  }
}
