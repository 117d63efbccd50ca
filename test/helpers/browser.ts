// A real browser for tests: Debian's chromium. A page of it keeps account of what it asked for, from whom, and of what
// its console was told.

import { mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page, type Response } from 'playwright-core';
import { has } from './installed.ts';
import type { LogOwner } from './process.ts';

// Nothing here is to be quick, and a machine may be slow.
const PATIENCE_MS = 240_000;
// Seen from dist/test/helpers.
const SCREENSHOTS = fileURLToPath(
  new URL('../../../test/operations/screenshots/', import.meta.url),
);

/** A browser that is closed when the test ends; null, with a line in the log, where there is none. */
export async function openBrowser(t: LogOwner): Promise<Browser | null> {
  if (!has(t, 'chromium')) return null;
  // Chromium's sandbox refuses root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({
    ...{ executablePath: '/usr/bin/chromium', args, timeout: PATIENCE_MS },
  });
  t.teardown(() => browser.close());
  return browser;
}

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly still?: boolean;
}

export class Watched {
  readonly page: Page;
  /** What the console was told to be wrong, and what no code has caught. */
  readonly complaints: string[] = [];
  readonly responses: Response[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('response', (response) => this.responses.push(response));
  }

  /** Opens the dashboard, and waits until it is live. */
  static async open(browser: Browser, url: string, look: Look = {}): Promise<Watched> {
    const { width = 1400, height = 900, dark = false, still = false } = look;
    const page = await browser.newPage({
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: still ? 'reduce' : 'no-preference',
    });
    page.setDefaultTimeout(PATIENCE_MS);
    const watched = new Watched(page);
    await page.goto(url);
    await watched.live();
    return watched;
  }

  async live(): Promise<void> {
    await this.page.waitForSelector('body[data-link=live]');
  }

  /** Resolves when the element has such a text. */
  async says(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector, { hasText: text }).first().waitFor();
  }

  /** Resolves when an expression is true in the page, whose own policy lets nobody wait for it there. */
  async holds(expression: string): Promise<void> {
    while (!(await this.page.evaluate<boolean>(expression))) await this.page.waitForTimeout(20);
  }

  async shoot(name: string, fullPage = true): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage });
  }
}

/** What `ssh -L` does: a port of this machine that leads to a Unix socket. */
export async function forward(t: LogOwner, path: string): Promise<string> {
  const server = createServer((socket) => {
    const behind = connect(path);
    socket.pipe(behind).pipe(socket);
    for (const side of [socket, behind]) {
      side.on('error', () => {
        socket.destroy();
        behind.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
}

// What runs in the page is text: the compiler knows no browser here.

export interface Fit {
  /** Pixels by which the page is wider than the window. */
  readonly scroll: number;
  /** Figures that do not fit their tile. */
  readonly cut: readonly string[];
}

export const FIT = `({
  scroll: document.documentElement.scrollWidth - window.innerWidth,
  cut: [...document.querySelectorAll('.tile dd')]
    .filter((element) => element.scrollWidth > element.clientWidth + 1)
    .map((element) => element.textContent),
})`;

/** Texts whose contrast with what is behind them is below WCAG's AA, 4.5. */
export const FAINT = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    if (element === null) return rgb('white');
    const colour = rgb(getComputedStyle(element).backgroundColor);
    return colour[3] > 250 ? colour : ground(element.parentElement);
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
    if (!own || !element.checkVisibility() || element.closest(':disabled, svg') !== null) continue;
    const style = getComputedStyle(element);
    const [text, behind] = [rgb(style.color), ground(element)].map(luminance);
    const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    if (contrast < 4.5) faint.push(element.className + ' ' + element.textContent + ': ' + contrast);
  }
  return faint;
})()`;

/** Buttons and fields that a screen reader could not name. */
export const NAMELESS = `
[...document.querySelectorAll('button, select, input')]
  .filter((element) => element.checkVisibility())
  .filter((element) => {
    const label = element.labels?.[0]?.textContent ?? '';
    const said = element.tagName === 'SELECT' ? '' : element.textContent;
    return ((element.getAttribute('aria-label') ?? '') + said + label).trim() === '';
  })
  .map((element) => element.outerHTML)`;
