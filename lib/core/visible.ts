/**
 * Text that somebody else wrote, made fit for a terminal: control characters are shown, not obeyed.
 *
 * The rule: everything that is printed goes through here at the last moment; what is written to files stays as it is.
 */

/**
 * Characters that move the cursor, colour the screen, ring or end the line (C0, DEL, C1, line separators), and those that
 * change the order in which others are shown.
 */
const CONTROL =
  /[\p{Cc}\u2028\u2029\u061C\u200E\u200F\u202A-\u202E\u2066-\u206F\uFEFF\uFFF9-\uFFFB]/gu;
const CONTROL_BUT_LINE_FEED = new RegExp(`(?!\\n)${CONTROL.source}`, 'gu');
const SHORT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

const escapeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** On one line (`\n`, `\u001b`): a label cannot move the cursor or colour the screen. */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => SHORT[char] ?? escapeOf(char));
}

/** As printable, with line feeds as they are: for text of several lines. */
export function printableLines(text: string): string {
  return text.replace(CONTROL_BUT_LINE_FEED, (char) => SHORT[char] ?? escapeOf(char));
}

/** JSON text whose strings hold such characters as escapes: for every reader the same JSON. `json` is on one line. */
export function printableJson(json: string): string {
  return json.replace(CONTROL, escapeOf);
}
