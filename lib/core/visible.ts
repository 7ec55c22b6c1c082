/**
 * Makes text that somebody else wrote safe for a terminal: control characters are shown, not obeyed.
 *
 * The rule: everything that is printed passes through here just before printing; text that goes to files is not changed.
 */

/**
 * Characters that move the cursor, colour the screen, ring or end the line (C0, DEL, C1, line separators), and those that
 * change the order in which other characters are shown.
 */
const CONTROL =
  /[\p{Cc}\u2028\u2029\u061C\u200E\u200F\u202A-\u202E\u2066-\u206F\uFEFF\uFFF9-\uFFFB]/gu;
const CONTROL_BUT_LINE_FEED = new RegExp(`(?!\\n)${CONTROL.source}`, 'gu');
const SHORT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

const escapeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Escapes all control characters, line feeds too (`\n`, `\u001b`): a label cannot move the cursor or colour the screen. */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => SHORT[char] ?? escapeOf(char));
}

/** As `printable`, but keeps line feeds: for text of several lines. */
export function printableLines(text: string): string {
  return text.replace(CONTROL_BUT_LINE_FEED, (char) => SHORT[char] ?? escapeOf(char));
}

/** Escapes control characters in the strings of a JSON text on one line. It parses to the same values as before. */
export function printableJson(json: string): string {
  return json.replace(CONTROL, escapeOf);
}
