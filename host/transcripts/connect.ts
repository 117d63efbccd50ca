// Connect: how a client comes, as a line says it: `connect tls tls.subject="CN=Ada" address=10.0.0.1:4242`. It connects
// nobody.

import type { ConnectOptions } from '../testing/options.ts';
import { Mistake } from './mistake.ts';

type Mutable = { -readonly [Key in keyof ConnectOptions]: ConnectOptions[Key] };

// A word, or a name and a value; a value with spaces stands in quotes.
const PART = /\s*(?:([\w.-]+)="([^"]*)"|([\w.-]+)=(\S+)|(\S+))/y;

/** @throws Mistake */
export function readConnect(text: string): ConnectOptions {
  const options: Mutable = {};
  const facts: Record<string, string> = {};
  PART.lastIndex = 0;
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    const [, quoted, inQuotes, bare, value, word] = part;
    if (word === undefined) take(options, facts, quoted ?? bare!, inQuotes ?? value!);
    else if (word === 'tls' || word === 'starttls') options[word] = true;
    else {
      throw new Mistake(
        `'${word}' means nothing behind connect; there are tls, starttls, address=, listener=, ` +
          'local=, and properties of TLS such as tls.subject="CN=Ada"',
      );
    }
    if (PART.lastIndex >= text.length) break;
  }
  if (Object.keys(facts).length > 0) options.tls = facts;
  return options;
}

function take(options: Mutable, facts: Record<string, string>, name: string, value: string): void {
  if (name === 'address' || name === 'listener' || name === 'local') options[name] = value;
  else if (name.startsWith('tls.')) facts[name] = value;
  else {
    throw new Mistake(
      `'${name}' is nothing that a client can come with; there are address, listener, local and tls.…`,
    );
  }
}
