/**
 * Finds quotes that break the rules in one row of CSV: the parser is lenient, so that one such row does not end the file.
 *
 * The rule: a field is quoted as a whole, with its quotes doubled, or holds no quote at all.
 */

const OPENING = 'a quote inside a field that is not quoted (quote the field, double its quotes)';
const CLOSING = 'text after the closing quote of a field (double the quotes inside a field)';

/** What is wrong with the quotes of a row, in words; null where they are right. The row may end with its line feed or not. */
export function quoteFault(raw: string, delimiter: string): string | null {
  if (!raw.includes('"')) return null;
  let end = raw.length;
  while (end > 0 && raw[end - 1] === '\n') end -= 1;
  let at = 0;
  // Skips blank lines, as the parser did.
  while (at < end && raw[at] === '\n') at += 1;
  for (;;) {
    if (raw[at] === '"') {
      at = closingQuote(raw, at + 1) + 1;
      if (at === 0 || at >= end) return null;
      if (!raw.startsWith(delimiter, at)) return CLOSING;
    } else {
      const next = raw.indexOf(delimiter, at);
      const quote = raw.indexOf('"', at);
      if (quote < 0) return null;
      if (next < 0 || quote < next) return OPENING;
      at = next;
    }
    at += delimiter.length;
    if (at >= end) return null;
  }
}

/** Index of the quote that closes the field whose content begins at `from`; -1 where none does. */
function closingQuote(raw: string, from: number): number {
  for (let at = raw.indexOf('"', from); at >= 0; at = raw.indexOf('"', at + 2)) {
    if (raw[at + 1] !== '"') return at;
  }
  return -1;
}
