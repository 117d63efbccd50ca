// The playground in Debian's chromium: modules that behave, and modules that do not.

import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import {
  FAINT,
  FIT,
  type Fit,
  type Look,
  NAMELESS,
  openBrowser,
  Watched,
} from '../helpers/browser.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { startProgram } from '../helpers/installed.ts';
import { forever, guest } from '../helpers/wasm.ts';

const main = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

/** Starts the command, and opens its page. */
async function opened(t: ExecutionContext, browser: Browser, look: Look = {}): Promise<Watched> {
  const running = startProgram(t, process.execPath, [main, 'playground']);
  const [, url] = await running.written('stdout', /the playground is at (http:\S+)\n/);
  return Watched.open(browser, url!, look);
}

const ready = (page: Page): Promise<unknown> => page.waitForSelector('body[data-link=live]');

/** As somebody does who drags a file from a folder onto the page. */
async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const base64 = Buffer.from(bytes).toString('base64');
  await page.evaluate(`(() => {
    const bytes = Uint8Array.from(atob(${JSON.stringify(base64)}), (one) => one.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], ${JSON.stringify(name)}));
    const options = { dataTransfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent('dragover', options));
    document.body.dispatchEvent(new DragEvent('drop', options));
  })()`);
}

/** Picks a bundled module, whose first client is connected then. */
async function begin(watched: Watched, name: string): Promise<void> {
  await watched.page.getByRole('button', { name, exact: true }).click();
  await watched.says('#result', `${name} has started`);
  await watched.says('.client .talk', 'connected');
  await ready(watched.page);
}

async function connect({ page }: Watched): Promise<void> {
  await page.getByRole('button', { name: 'Connect a client' }).click();
  await ready(page);
}

async function send({ page }: Watched, client: number, text: string): Promise<void> {
  const field = page.getByLabel(`What client ${client} sends`);
  await field.fill(text);
  await field.press('Enter');
}

const talk = (client: number): string => `[aria-label="Client ${client}"] .talk`;

test.serial(
  'the page comes whole from its server, and asks nobody else for anything',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const watched = await opened(t, browser);
    const asked: string[] = [];
    watched.page.on('request', (request) => asked.push(request.url()));
    await begin(watched, 'echo');
    await send(watched, 1, 'hello');
    await watched.says(talk(1), 'hello\\n');
    const { origin } = new URL(watched.page.url());
    for (const address of [...asked, ...watched.responses.map((response) => response.url())]) {
      t.is(new URL(address).origin, origin);
    }
    t.true(asked.some((address) => address.endsWith('/worker.js')));
    const kept = await watched.page.evaluate<number>(
      'localStorage.length + sessionStorage.length + document.cookie.length',
    );
    t.is(kept, 0);
    t.deepEqual(watched.complaints, []);
  },
);

test.serial(
  'two clients talk in a room, as text and in hexadecimal, and states show',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const watched = await opened(t, browser);
    const { page } = watched;
    await begin(watched, 'chat');
    await connect(watched);
    await watched.says(talk(2), 'name?');
    await send(watched, 1, 'Ada');
    await send(watched, 2, 'Grace');
    await watched.says(talk(1), '* Grace has joined\\n');
    const name = Buffer.from('Grace').toString('hex');
    await page.waitForFunction(
      `[...document.querySelectorAll('[aria-label="State block of client 2"] mark')]
         .map((mark) => mark.textContent).filter((text) => text.length === 2).join('').includes('${name}')`,
    );
    await send(watched, 1, 'good evening');
    await watched.says(talk(2), 'Ada: good evening\\n');
    await page.getByLabel('Show').selectOption('hex');
    await watched.says(talk(2), '41 64 61 3a 20 67 6f 6f');
    // In hexadecimal, with a mistake first.
    await page.getByLabel('How client 2 sends it').selectOption('hex');
    await send(watched, 2, '68 6');
    await watched.says('.wrong', 'Pairs of hexadecimal digits are wanted');
    await send(watched, 2, '68 69 0a');
    await page.getByLabel('Show').selectOption('text');
    await watched.says(talk(1), 'Grace: hi\\n');
    await page.getByLabel('How client 2 sends it').selectOption('line \\n');
    await send(watched, 2, '/quit');
    await watched.says(talk(2), 'closed, with the reason: GUEST');
    await watched.says('[aria-label="Client 2"] .state', 'closed: GUEST');
    await watched.says('#clients-note', '1 of 2 clients open');
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.waitForFunction("document.querySelectorAll('.client').length === 1");
    t.deepEqual(watched.complaints, []);
  },
);

test.serial(
  'a module that is dropped runs, and its trap costs one connection and is told',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const watched = await opened(t, browser);
    const { page } = watched;
    await drop(page, 'hazard.wasm', hazard());
    await watched.says('#result', 'hazard has started');
    await connect(watched);
    await send(watched, 2, 'T');
    await watched.says(`${talk(2)} .trap`, /unreachable.*on_data/);
    await watched.says('[aria-label="Client 2"] .state', 'closed: TRAP');
    await watched.says('#log .error', /unreachable.*on_data/);
    await watched.says('#figures', 'Traps1');
    await send(watched, 1, 'still here');
    await watched.says(talk(1), 'still here');
    t.deepEqual(watched.complaints, []);
    await watched.shoot('playground-trap');
  },
);

test.serial(
  'a guest that does not return is ended after two seconds, and the page goes on',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const watched = await opened(t, browser);
    const { page } = watched;
    await drop(page, 'hazard.wasm', hazard());
    await watched.says('#result', 'hazard has started');
    await connect(watched);
    const begun = performance.now();
    await send(watched, 1, 'H');
    // Asked of the worker that is to be ended.
    await page.getByRole('button', { name: '+1 s', exact: true }).click();
    await watched.says('#result', 'The guest did not return within 2 s');
    await watched.says('#result', 'On a server only client 1 is lost.');
    const took = performance.now() - begun;
    t.log(`${Math.round(took)} ms`);
    // Sooner it would not have been given its time; how much later depends on the machine.
    t.true(took >= 1900 && took < 100_000);
    await watched.says('[aria-label="Client 1"] .state', 'lost');
    await watched.says('[aria-label="Client 2"] .state', 'lost');
    await watched.shoot('playground-hung');
    await ready(page);
    await connect(watched);
    await send(watched, 3, '?');
    await watched.says(`${talk(3)} .received`, '1');
    t.deepEqual(watched.complaints, []);
  },
);

test.serial(
  'a module that does not return from its start is ended, and another one can be tried',
  async (t) => {
    const browser = await openBrowser(t);
    if (browser === null) return;
    const watched = await opened(t, browser);
    const { page } = watched;
    const never = guest({ functions: { on_start: [forever()] } });
    await drop(page, 'never.wasm', never);
    await watched.says('#result', 'never did not start within 2 s');
    await watched.says('#state', 'refused');
    t.true(await page.getByRole('button', { name: 'Connect a client' }).isDisabled());
    await drop(page, 'none.wasm', Uint8Array.of(1, 2, 3));
    await watched.says('#result', /^none: /);
    await begin(watched, 'echo');
    await send(watched, 1, 'hello');
    await watched.says(`${talk(1)} .received`, 'hello');
    t.deepEqual(watched.complaints, []);
  },
);

test.serial('another module takes over the connections, or says why it does not', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const watched = await opened(t, browser);
  const { page } = watched;
  await drop(page, 'one.wasm', hazard());
  await watched.says('#result', 'one has started');
  await send(watched, 1, '?');
  await watched.says(`${talk(1)} .received`, '1');
  await drop(page, 'two.wasm', hazard());
  await watched.says('#result', 'two has taken over the connections');
  await send(watched, 1, '?');
  await watched.says(`${talk(1)} .received`, '2');
  await page.getByRole('button', { name: 'echo', exact: true }).click();
  await watched.says('#result', 'echo: cannot take over');
  await watched.says('#name', 'two');
  await send(watched, 1, '?');
  await watched.says(`${talk(1)} .received`, '3');
  await page.getByLabel('Another module keeps the connections').uncheck();
  await begin(watched, 'echo');
  t.is(await page.locator('.client').count(), 1);
  t.deepEqual(watched.complaints, []);
});

test.serial('timers wait for the clock, which somebody moves or lets run', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const watched = await opened(t, browser);
  const { page } = watched;
  await drop(page, 'scripted.wasm', scriptedModule);
  await watched.says('#result', 'scripted has started');
  await send(watched, 1, 'q;e t{s .,late;l 1,it ran out;t .,60000;};t .,250;');
  await watched.says('.client .note', 'timer in 250 ms');
  await page.getByRole('button', { name: '+100 ms' }).click();
  await watched.says('.client .note', 'timer in 150 ms');
  await page.getByRole('button', { name: 'To the next timer' }).click();
  await watched.says(`${talk(1)} .received`, 'late');
  await watched.says('#now', '0.251 s');
  await watched.says('#log', 'it ran out');
  await page.getByRole('button', { name: 'Run' }).click();
  await watched.says('#now', /^[1-9]\d*\.\d+ s$/);
  await page.getByRole('button', { name: 'Stop' }).click();
  t.deepEqual(watched.complaints, []);
});

test.serial('a transcript passes, or fails at a line; what was done becomes one', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const watched = await opened(t, browser);
  const { page } = watched;
  await begin(watched, 'echo');
  const transcript = page.getByRole('textbox', { name: 'Transcript' });
  t.regex(await transcript.inputValue(), /^# Every byte comes back/);
  await page.getByRole('button', { name: 'Play it' }).click();
  await watched.says('#verdict-state', 'passed');
  await transcript.fill('> hello\n< help\n');
  await page.keyboard.press('Control+Enter');
  await watched.says('#verdict-state', 'failed');
  await watched.says('#report', 'transcript:2: ');
  await watched.says('#report', 'expected  help');
  const chosen = await page.evaluate<string>('getSelection().toString()');
  t.is(chosen, '< help');
  await watched.shoot('playground-transcript');
  await send(watched, 1, 'hello');
  await watched.says(`${talk(1)} .received`, 'hello');
  await page.getByRole('button', { name: 'Write down what was done' }).click();
  t.is(await transcript.inputValue(), 'connect\n> hello\n< hello\n');
  await page.getByRole('button', { name: 'Play it' }).click();
  await watched.says('#verdict-state', 'passed');
  t.deepEqual(watched.complaints, []);
});

test.serial('a guest that hangs in a transcript is ended, and no client is lost', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const watched = await opened(t, browser);
  const { page } = watched;
  await drop(page, 'hazard.wasm', hazard());
  await watched.says('#result', 'hazard has started');
  await page.getByRole('textbox', { name: 'Transcript' }).fill('> x\n< x\n> Hang\n< never\n');
  await page.getByRole('button', { name: 'Play it' }).click();
  await watched.says('#report', 'did not return within 2 s at line 3, played whole');
  await send(watched, 1, '?');
  await watched.says(`${talk(1)} .received`, '1');
  await page.getByRole('textbox', { name: 'Transcript' }).fill('> x\n< x\n');
  await page.getByRole('button', { name: 'Play it' }).click();
  await watched.says('#verdict-state', 'passed');
  t.deepEqual(watched.complaints, []);
});

test.serial('text from a module stays text, wherever it stands', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  const watched = await opened(t, browser);
  const { page } = watched;
  const hostile =
    '<img src=x onerror="document.title=1"><script>document.title=2<\u2215script>\u202e';
  await drop(page, `${hostile}.wasm`, scriptedModule);
  await watched.says('#result', 'onerror');
  await send(watched, 1, `q;s .,${hostile};l 3,${hostile};`);
  await watched.says(`${talk(1)} .received`, 'onerror');
  await watched.says('#log .error', 'onerror');
  t.is(await page.locator('img').count(), 1);
  t.is(await page.locator('script').count(), 1);
  const text = await page.evaluate<string>('document.body.textContent');
  t.false(text.includes('\u202e'));
  t.deepEqual(watched.complaints, []);
});

test.serial('it can be read and used without a pointer, in both colour schemes', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  for (const dark of [false, true]) {
    const watched = await opened(t, browser, { dark, still: true });
    const { page } = watched;
    t.deepEqual(await page.evaluate<string[]>(FAINT), []);
    await page.keyboard.press('Tab');
    t.is(await page.evaluate('document.activeElement.className'), 'skip');
    await page.getByRole('button', { name: 'chat', exact: true }).focus();
    await page.keyboard.press('Enter');
    await watched.says(talk(1), 'name?');
    await ready(page);
    await page.waitForFunction(
      'document.activeElement.getAttribute("aria-label") === "What client 1 sends"',
    );
    await page.keyboard.type('Ada');
    await page.keyboard.press('Enter');
    await watched.says(`${talk(1)} .sent`, 'Ada');
    await page.keyboard.press('ArrowUp');
    t.is(await page.getByLabel('What client 1 sends').inputValue(), 'Ada');
    await connect(watched);
    await page.getByRole('button', { name: 'Reset' }).first().click();
    await watched.says('[aria-label="Client 1"] .state', 'closed: ERROR');
    await page.getByLabel('How client 2 sends it').selectOption('hex');
    await send(watched, 2, 'x');
    await watched.says('.wrong', 'Pairs');
    await drop(page, 'none.wasm', Uint8Array.of(1, 2, 3));
    await watched.says('#result', /^none: /);
    t.deepEqual(await page.evaluate<string[]>(FAINT), []);
    t.deepEqual(await page.evaluate<string[]>(NAMELESS), []);
    t.is(await page.evaluate<number>('document.getAnimations().length'), 0);
    t.deepEqual(watched.complaints, []);
    await page.close();
  }
});

test.serial('long texts, many clients and much data fit a phone and a wide screen', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  for (const width of [390, 1400]) {
    const watched = await opened(t, browser, { width });
    const { page } = watched;
    await drop(page, `${'a-long-name'.repeat(20)}.wasm`, scriptedModule);
    await watched.says('#result', 'has started');
    for (let client = 2; client <= 5; client += 1) await connect(watched);
    await send(watched, 1, `q;m 1,100000;l 2,${'word'.repeat(100)};`);
    await send(watched, 1, 'x'.repeat(20_000));
    await watched.says(`${talk(1)} .received`, 'KiB more');
    for (const form of ['text', 'hex']) {
      await page.getByLabel('Show').selectOption(form);
      const { scroll } = await page.evaluate<Fit>(FIT);
      t.is(scroll, 0);
    }
    await watched.shoot(`playground-long-${width}`);
    t.deepEqual(watched.complaints, []);
    await page.close();
  }
});

test.serial('it looks as the pictures in the documents show it', async (t) => {
  const browser = await openBrowser(t);
  if (browser === null) return;
  for (const [width, height] of [
    [1400, 900],
    [390, 844],
  ] as const) {
    for (const dark of [false, true]) {
      const watched = await opened(t, browser, { width, height, dark, still: true });
      const { page } = watched;
      const name = `playground-${width > 1000 ? 'wide' : 'phone'}-${dark ? 'dark' : 'light'}`;
      await watched.shoot(`${name}-empty`);
      await begin(watched, 'chat');
      await connect(watched);
      const lines = [
        ...[
          [1, 'Ada'],
          [2, 'Grace'],
          [1, 'good evening'],
          [2, 'hello, Ada'],
        ],
      ] as [number, string][];
      for (const [client, line] of lines) {
        await send(watched, client, line);
        await ready(page);
      }
      await watched.says(talk(1), 'Grace: hello, Ada');
      await page.getByRole('button', { name: '+1 s', exact: true }).click();
      await watched.says('#now', '1.001 s');
      await watched.shoot(name, width < 1000);
      t.deepEqual(watched.complaints, []);
      await page.close();
    }
  }
});
