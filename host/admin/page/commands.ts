// Commands: what the page asks of the admin socket besides events: rows of connections, and actions. Whatever
// comes back is a value, also that nothing came.

/** What became of a request, in words if it failed. */
export type Answer<Value> = { readonly value: Value } | { readonly problem: string };

const PATIENCE_MS = 60_000;

/** Asks for something. */
export const ask = <Value>(
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<Answer<Value>> => answerTo(`${path}?${new URLSearchParams(query)}`, {});

/** Has something done. */
export const command = (path: string, body: object): Promise<Answer<object>> =>
  answerTo(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

async function answerTo<Value>(path: string, request: RequestInit): Promise<Answer<Value>> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(path, { ...request, signal });
    const answer = parsed(await response.text());
    if (response.ok) return { value: answer as Value };
    const { error } = answer as { error?: unknown };
    return { problem: typeof error === 'string' ? error : `HTTP ${response.status}` };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
