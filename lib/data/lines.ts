/**
 * Splits text into lines, from a file or from stdin.
 *
 * The rule: what is held of an unfinished line is bounded; a longer line is INVALID_DATA.
 */
import { MAX_LINE_UNITS } from '../core/limits.js';
import { dataProblem } from './problem.js';

/** Lines of a text without their line feeds, numbered from 1; after the last line feed there is an empty one. */
export async function* readLines(
  name: string,
  pieces: AsyncIterable<string>,
): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  let line = 1;
  let held: string[] = [];
  let heldUnits = 0;
  const hold = (piece: string) => {
    held.push(piece);
    heldUnits += piece.length;
    if (heldUnits <= MAX_LINE_UNITS) return;
    throw dataProblem(name, `the line is longer than ${MAX_LINE_UNITS} characters`, { line });
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', start)) {
      hold(piece.slice(start, end));
      yield { line, text: held.join('') };
      line += 1;
      held = [];
      heldUnits = 0;
      start = end + 1;
    }
    hold(piece.slice(start));
  }
  yield { line, text: held.join('') };
}
