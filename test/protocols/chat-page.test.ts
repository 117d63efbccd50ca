// examples/chat-page.ts, run as a program: a page shows what is said in the chat, and answers.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Client, connect } from '../helpers/client.ts';

async function example(t: ExecutionContext): Promise<{ chat: string; page: string }> {
  const script = fileURLToPath(new URL('../../examples/chat-page.js', import.meta.url));
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn(process.execPath, [script, '0', '0'], { stdio: [...stdio] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const [, chat, page] = /^chat on (127\.0\.0\.1:\d+), page on (\d+)$/.exec(line)!;
  return { chat: chat!, page: `http://127.0.0.1:${page}` };
}

async function named(t: ExecutionContext, address: string, name: string): Promise<Client> {
  const client = await connect(address, { owner: t });
  await client.readExactly('name? '.length);
  await client.send(`${name}\n`);
  return client;
}

/** The lines that a page is shown. */
async function* shown(t: ExecutionContext, page: string): AsyncGenerator<string> {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const { body } = await fetch(`${page}/lines`, { signal: stop.signal });
  let rest = '';
  for await (const part of body!.pipeThrough(new TextDecoderStream())) {
    const events = (rest + part).split('\n\n');
    rest = events.pop()!;
    for (const event of events) {
      if (event.startsWith('data: ')) yield JSON.parse(event.slice('data: '.length));
      else yield event;
    }
  }
}

const say = (page: string, text: unknown, type = 'application/json'): Promise<Response> =>
  fetch(`${page}/say`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: JSON.stringify(text),
  });

test('the page shows what is said in the chat, and what it says is heard by members in all workers', async (t) => {
  const { chat, page } = await example(t);
  const lines = shown(t, page);
  t.is((await lines.next()).value, ': welcome');
  const ann = await named(t, chat, 'ann');
  t.is((await lines.next()).value, '* ann has joined');
  const bob = await named(t, chat, 'bob');
  t.is((await lines.next()).value, '* bob has joined');
  await ann.readExactly('* bob has joined\n'.length);
  await ann.send('<b>hello</b>\n');
  t.is((await lines.next()).value, 'ann: <b>hello</b>');
  await bob.readExactly('ann: <b>hello</b>\n'.length);
  t.is((await say(page, 'hi\nthere')).status, 204);
  for (const client of [ann, bob]) {
    t.is(String(await client.readExactly('web: hi there\n'.length)), 'web: hi there\n');
  }
  t.is((await lines.next()).value, 'web: hi there');
});

test('the page itself is served, and nothing is said that another site sends', async (t) => {
  const { chat, page } = await example(t);
  const response = await fetch(page);
  t.is(response.headers.get('content-type'), 'text/html');
  t.regex(await response.text(), /new EventSource\('\/lines'\)/);
  t.is((await fetch(`${page}/other`)).status, 404);
  const lines = shown(t, page);
  await lines.next();
  const ann = await named(t, chat, 'ann');
  t.is((await lines.next()).value, '* ann has joined');
  for (const [text, type] of [
    ['x', 'text/plain'],
    [7, 'application/json'],
    ['x'.repeat(2000), 'application/json'],
  ]) {
    t.is((await say(page, text, type as string)).status, 400);
  }
  t.is((await say(page, 'last')).status, 204);
  t.is(String(await ann.readExactly('web: last\n'.length)), 'web: last\n');
});
