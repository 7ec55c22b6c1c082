/**
 * Writes a result that comes piece by piece, to stdout or to a file that appears whole or not at all.
 *
 * The rule: a piece is written when there is room for it, so that a slow reader never fills the memory.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { printableLines, type TextSink } from './output.js';

/** Writes text, and resolves when there is room for more. */
export type TextOutput = (text: string) => Promise<void>;

/** Output to a stream, which waits for a slow reader. On a terminal control characters are shown, not obeyed. */
export function outputTo(sink: TextSink, signal: AbortSignal): TextOutput {
  return async (text) => {
    const shown = sink.isTTY === true ? printableLines(text) : text;
    if (sink.write(shown) === false) await once(sink as Writable, 'drain', { signal });
  };
}
