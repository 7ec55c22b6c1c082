/**
 * Measures, cuts, fills and wraps text by the columns that it takes on a terminal.
 *
 * The rule: a Chinese character takes two columns, a joined mark none; a grapheme is never split.
 */

/** Characters two columns wide: East Asian wide and fullwidth forms, and emoji. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18CFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}|\uFE0F/u;
/** Characters of no width: marks that join the character before, and invisible format characters. */
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]*$/u;
const ASCII = /^[\x20-\x7E]*$/;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** How many terminal columns a text takes. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (!NOTHING.test(segment)) width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

/** Most UTF-16 units per grapheme: a longer text is shortened to so many per column before it is measured. */
const MAX_GRAPHEME_UNITS = 64;

/** Cuts a text to at most `width` columns, ending in "…" where something was cut. */
export function truncate(whole: string, width: number): string {
  const text = whole.slice(0, (width + 1) * MAX_GRAPHEME_UNITS);
  if (text.length === whole.length && displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += displayWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return width > 0 ? `${kept}…` : '';
}

/** Cuts a text to at most `width` columns, beginning with "…" where something was cut. */
export function truncateStart(whole: string, width: number): string {
  const text = whole.slice(-(width + 1) * MAX_GRAPHEME_UNITS);
  if (text.length === whole.length && displayWidth(text) <= width) return text;
  const segments = [...graphemes.segment(text)].map(({ segment }) => segment);
  let kept = '';
  let used = 0;
  for (const segment of segments.reverse()) {
    used += displayWidth(segment);
    if (used > width - 1) break;
    kept = segment + kept;
  }
  return width > 0 ? `…${kept}` : '';
}

/** Fills a text with spaces to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + fill : fill + text;
}

/** Cuts a text into parts of at most `width` columns (at least one grapheme each). */
function breakWord(word: string, width: number): string[] {
  const parts: string[] = [];
  let part = '';
  let used = 0;
  for (const { segment } of graphemes.segment(word)) {
    const columns = displayWidth(segment);
    if (part !== '' && used + columns > width) {
      parts.push(part);
      [part, used] = ['', 0];
    }
    part += segment;
    used += columns;
  }
  return [...parts, part];
}

/** The words of a text in lines of at most `width` columns. A longer word is broken with `breaks`, else it stays whole. */
export function wrapWords(text: string, width: number, breaks: boolean): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  const before = /^ */.exec(text)?.[0] ?? '';
  let line = '';
  for (const [i, word] of text.slice(before.length).split(' ').entries()) {
    const own = line === '' ? word : `${line} ${word}`;
    const next = i === 0 ? before + own : own;
    if (displayWidth(next) <= room) {
      line = next;
      continue;
    }
    if (line !== '') lines.push(line);
    const whole = i === 0 ? next : word;
    const parts = breaks ? breakWord(whole, room) : [whole];
    line = parts.pop() ?? '';
    lines.push(...parts);
  }
  return [...lines, line];
}
