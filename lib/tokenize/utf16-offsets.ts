/**
 * Offsets in Unicode code points (as the tokenizers package gives them) to UTF-16 units (as
 * JavaScript counts).
 *
 * The two differ only after characters beyond U+FFFF, which take two units.
 */

/** A function from code point index (0 to the number of code points) to UTF-16 index in `text`. */
export function utf16Index(text: string): (codePoint: number) => number {
  if (!/[\ud800-\udbff]/.test(text)) return (codePoint) => codePoint;
  const starts: number[] = [];
  let unit = 0;
  for (const char of text) {
    starts.push(unit);
    unit += char.length;
  }
  return (codePoint) => starts[codePoint] ?? unit;
}
