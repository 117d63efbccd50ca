// Recording: what clients did and saw, as lines of a transcript. What it writes, transcripts/lines.ts reads. It knows no
// guest.

import { printable } from '../../text.ts';
import type { Recorded } from './messages.ts';

const LINE_FEED = 0x0a;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** All lines, as a text. A single client needs no name. */
export function transcriptOf(recorded: readonly Recorded[]): string {
  const named = new Set(recorded.flatMap(({ client }) => client ?? [])).size > 1;
  const lines = recorded.map(({ client, text }) =>
    named && client !== null ? `c${client} ${text}` : text,
  );
  const isHead = (line: string): boolean => line.startsWith('newline ');
  const all = [...lines.filter(isHead), ...lines.filter((line) => !isHead(line))];
  return all.map((line) => `${line}\n`).join('');
}

export class Recording {
  #lines: Recorded[] = [];
  /** What ends lines: as the first one does. */
  #newline: string | null = null;

  /** The lines since the last call. */
  take(): Recorded[] {
    return this.#lines.splice(0);
  }

  did(client: number, word: string): void {
    this.#lines.push({ client, text: word });
  }

  waited(ms: number): void {
    this.#lines.push({ client: null, text: `+${ms}ms` });
  }

  /** @param sign `>` for what it sends, `<` for what it receives */
  moved(client: number, sign: '>' | '<', bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const newline = bytes.indexOf(LINE_FEED, at);
      const end = newline < 0 ? bytes.length : newline + 1;
      this.#lines.push({ client, text: this.#lineOf(sign, bytes.subarray(at, end)) });
      at = end;
    }
  }

  #lineOf(sign: string, bytes: Uint8Array): string {
    const whole = textOf(bytes);
    const [text = '', end = ''] =
      whole === null ? [] : (/^(.*?)(\r?\n|)$/s.exec(whole)?.slice(1) ?? []);
    // The word itself would be read as one.
    const isText = whole !== null && isSeen(text) && !/^hex(?:\s|$)/.test(text);
    if (isText && end === '') return `${sign}= ${text}`;
    if (isText && end === this.#ending(end)) return `${sign} ${text}`;
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
    return `${sign} hex ${digits.join(' ')}`;
  }

  #ending(first: string): string {
    if (this.#newline === null) {
      this.#newline = first;
      if (first === '\r\n') this.#lines.push({ client: null, text: 'newline crlf' });
    }
    return this.#newline;
  }
}

/** Whether all of it survives, and is seen, in a line of text. */
const isSeen = (text: string): boolean => printable(text, text.length) === text;

function textOf(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
