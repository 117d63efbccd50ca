// Text that came from outside, made fit for a line of a log or a terminal. Every text of a guest's
// passes here.

/** As much of a text as a line needs. */
const LONGEST = 4096;

/**
 * The text with everything escaped that a terminal would obey or not show: control and format characters,
 * line separators, private ones, lone surrogates. What is longer than `longest` characters is cut.
 */
export function printable(text: string, longest = LONGEST): string {
  const escaped = text.slice(0, longest).replaceAll(UNFIT, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    if (code.length > 4) return `\\u{${code}}`;
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
  return text.length <= longest
    ? escaped
    : `${escaped}… (${text.length - longest} more characters)`;
}

/** JSON of one line, with the same characters escaped as JSON does it: it says what it said before. */
export function printableJson(json: string): string {
  return json.replaceAll(UNFIT, (character) => {
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
