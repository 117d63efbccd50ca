// Refusal: a broken rule, in words that fit on one line. It knows how text from outside is shown, and
// nothing of what is refused.

import { printable } from '../text.ts';
import type { Rule } from './interface.ts';
import { BinaryError } from './reader.ts';

/** A rule that was broken, before the module's name and the advice stand around it. */
export class Refusal extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, found: string, options?: ErrorOptions) {
    super(printable(`${rule}: ${found}`), options);
    this.rule = rule;
  }
}

/** What was thrown, when it says what is wrong with a module; its message is fit for one line. */
export function refusalOf(thrown: unknown): Refusal | null {
  if (thrown instanceof BinaryError) return new Refusal(thrown.rule, shown(thrown.message, 200));
  return thrown instanceof Refusal ? thrown : null;
}

const LISTED = 5;

/** The first few, in one line. */
export const listed = (texts: readonly string[]): string =>
  texts
    .slice(0, LISTED)
    .map((text) => shown(text, 200))
    .join(', ') + (texts.length > LISTED ? ` and ${texts.length - LISTED} more` : '');

/** Text from outside, short enough for a line and without control characters. */
export function shown(text: string, longest = 80): string {
  return printable(text.length <= longest ? text : `${text.slice(0, longest)}…`);
}
