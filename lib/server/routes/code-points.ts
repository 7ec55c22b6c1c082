/**
 * Places in a text, from UTF-16 units, as JavaScript counts, to code points, as Python and TEI count.
 *
 * The rule: the two differ only after characters beyond U+FFFF. A place inside such a character belongs to its start.
 */

/** A function from UTF-16 index (0 to the length) to code point index in `text`. */
export function codePointIndex(text: string): (unit: number) => number {
  if (!/[\ud800-\udbff]/.test(text)) return (unit) => unit;
  const points = new Int32Array(text.length + 1);
  let point = 0;
  let unit = 0;
  for (const char of text) {
    points.fill(point, unit, unit + char.length);
    unit += char.length;
    point += 1;
  }
  points[unit] = point;
  return (at) => points[at] ?? point;
}

export type Offsets = 'utf16' | 'codePoint' | 'both';

/** A function that gives a place in `text` the fields that `offsets` asks for. */
export function placesIn(
  text: string,
  offsets: Offsets,
): (start: number, end: number) => Readonly<Record<string, number>> {
  if (offsets === 'utf16') return (start, end) => ({ start, end });
  const point = codePointIndex(text);
  return (start, end) => ({
    ...(offsets === 'both' && { start, end }),
    startCodePoint: point(start),
    endCodePoint: point(end),
  });
}
