/**
 * Where a command writes a result that comes piece by piece: stdout, or a file that appears whole or not at all.
 *
 * The rule: a piece is written when there is room for it, so that a slow reader never fills the memory.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { printableLines, type TextSink } from './output.js';

/** Takes text and settles when there is room for more. */
export type TextOutput = (text: string) => Promise<void>;

/** Waits where the reader is slower than we are. On a terminal, texts are shown, not obeyed. */
export function outputTo(sink: TextSink, signal: AbortSignal): TextOutput {
  return async (text) => {
    const shown = sink.isTTY === true ? printableLines(text) : text;
    if (sink.write(shown) === false) await once(sink as Writable, 'drain', { signal });
  };
}
