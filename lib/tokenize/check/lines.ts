/**
 * Counts the lines of a vocabulary file before they are split.
 */

import { SinterError } from '../../core/errors.js';

/** Throws UNSUPPORTED_MODEL for a text of more than `most` lines, however they end. */
export function checkLineCount(text: string, most: number, file: string): void {
  for (const end of ['\n', '\r']) {
    let count = 0;
    for (let at = text.indexOf(end); at !== -1; at = text.indexOf(end, at + 1)) {
      count++;
      if (count <= most) continue;
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        `${file}: must have at most ${most} lines, got more`,
        {
          details: { file },
        },
      );
    }
  }
}
