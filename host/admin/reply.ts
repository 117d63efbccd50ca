// Reply: what a route answers with, before it is written to anybody.

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export const TEXT = 'text/plain; charset=utf-8';
export const JSON_TYPE = 'application/json; charset=utf-8';

/** @param json is JSON already, if it is text */
export const json = (status: number, value: object | string): Reply => ({
  status,
  type: JSON_TYPE,
  body: `${typeof value === 'string' ? value : JSON.stringify(value)}\n`,
});

/** One line. */
export const line = (status: number, text: string): Reply => ({
  status,
  type: TEXT,
  body: `${text}\n`,
});

/** What is wrong with a request, as JSON and in one line. */
export const refusal = (status: number, error: string): Reply => json(status, { error });
