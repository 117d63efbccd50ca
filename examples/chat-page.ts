// A chat room with two doors: `nc 127.0.0.1 33445` is one, a web page is the other. The guest in the workers and
// this program meet in a topic. Run it with: node dist/examples/chat-page.js [port of the chat] [of the page]

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { serve } from 'wasmpoll';

const [chatPort = '33445', pagePort = '8080'] = process.argv.slice(2);

const chat = await serve({ protocol: 'chat', listen: `127.0.0.1:${chatPort}`, workers: 2 });
const pages = new Set<ServerResponse>();

chat.subscribe('chat', (line) => show(Buffer.from(line).toString().trimEnd()));
chat.on('missed', () => show('* you have missed lines'));

/** A page that does not read is cut off; browsers come back by themselves. */
function show(line: string): void {
  for (const page of pages) {
    if (page.writableLength < 65_536) page.write(`data: ${JSON.stringify(line)}\n\n`);
    else page.destroy();
  }
}

const web = createServer((request, response) => {
  const { method, url } = request;
  if (method === 'GET' && url === '/') response.setHeader('content-type', 'text/html').end(html);
  else if (method === 'GET' && url === '/lines') listen(response);
  else if (method === 'POST' && url === '/say') void say(request, response);
  else response.writeHead(404).end();
});

function listen(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': welcome\n\n');
  pages.add(response);
  response.on('close', () => pages.delete(response));
}

async function say(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Pages of other sites can send text unasked, but no JSON.
  const allowed = request.headers['content-type'] === 'application/json';
  const short = Number(request.headers['content-length']) <= 1000;
  const said: unknown = allowed && short ? await json(request).catch(() => null) : null;
  if (typeof said === 'string') chat.publish('chat', `web: ${said.replaceAll(/\p{Cc}/gu, ' ')}\n`);
  response.writeHead(typeof said === 'string' ? 204 : 400).end();
}

const html = `<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<form><input name="text" placeholder="say something" autocomplete="off" autofocus></form>
<pre></pre>
<script>
  const add = (line) => document.querySelector('pre').append(line + '\\n');
  new EventSource('/lines').onmessage = ({ data }) => add(JSON.parse(data));
  document.forms[0].onsubmit = (event) => {
    event.preventDefault();
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(event.target.text.value);
    void fetch('/say', { method: 'POST', headers, body });
    event.target.reset();
  };
</script>
`;

web.listen(Number(pagePort), '127.0.0.1');
await once(web, 'listening');
console.log(`chat on ${chat.addresses[0]}, page on`, (web.address() as AddressInfo).port);
