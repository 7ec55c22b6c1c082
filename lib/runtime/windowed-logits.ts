/**
 * Runs texts over the length limit through a head over whole texts: in windows, whose logits are combined into one row.
 *
 * A text that fits is one window and gets the same bits as without windows.
 */

import { rangeMistake } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import { readOptions } from '../core/options.js';
import type { NativeProgram } from '../native/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { outputWidth, type RunRequest, runBatch, trimSegments } from './forward.js';
import type { ModelParts } from './model-parts.js';
import { windowStride } from './window-share.js';

/** Options for texts over the length limit. */
export interface WindowedOptions {
  /**
   * Reads a text over the limit in windows and returns the mean or the maximum of each logit over them. Of a pair the second
   * text is split, and each window has all of the first. Default: the text is truncated or refused, as `truncate` says.
   */
  readonly windows?: 'mean' | 'max';
  /** Tokens that neighbouring windows share, at most half a window. Default: 128, at most a quarter of a window. */
  readonly stride?: number;
}

export const WINDOWED_OPTIONS = { windows: true, stride: true } as const;

export interface WindowSettings {
  readonly join: 'mean' | 'max';
  readonly stride: number;
}

/** Checks the options and fills in defaults; null without windows. Throws RangeError for options that exclude each other. */
export function readWindows(
  where: string,
  options: WindowedOptions & { readonly truncate?: boolean },
  maxTokens: number,
): WindowSettings | null {
  const { windows, stride, truncate } = options;
  const own = {
    ...(windows !== undefined && { windows }),
    ...(stride !== undefined && { stride }),
  };
  const read = readOptions<WindowedOptions>(where, own, WINDOWED_OPTIONS);
  const join = read.choice('windows', undefined, ['mean', 'max']);
  const shared = read.count('stride', undefined, 0);
  if (join === undefined) {
    if (shared === undefined) return null;
    throw rangeMistake(`${where}: stride`, 'left out without windows', shared);
  }
  if (truncate !== undefined) {
    throw rangeMistake(`${where}: truncate`, 'left out with windows', truncate);
  }
  return { join, stride: windowStride(where, shared, maxTokens) };
}

/** Runs texts in windows; returns a matrix with one row of logits per text. */
export async function forwardWindows(
  program: NativeProgram,
  { graph, tokenizer }: Pick<ModelParts, 'graph' | 'tokenizer'>,
  texts: readonly TextInput[],
  request: RunRequest & WindowSettings & { readonly nameOf?: (index: number) => string },
): Promise<Matrix> {
  const { join, stride, signal, nameOf = (i) => `texts[${i}]` } = request;
  const width = outputWidth(graph, 'logits');
  const rows = texts.map(() => new JoinedWindows(join));
  const windows = { maxTokens: graph.maxTokens, stride, signal, nameOf };
  for await (const group of tokenizer.windowGroups(texts, windows)) {
    const logits = Matrix.zeros(group.sources.length, width);
    await runBatch(program, trimSegments(graph, group), 'logits', logits.data, request);
    for (const [window, source] of group.sources.entries()) {
      rows[source]?.add(logits.row(window));
    }
  }
  const result = Matrix.zeros(texts.length, width);
  for (const [i, row] of rows.entries()) result.row(i).set(row.finish());
  return result;
}

/** The row of a text from the rows of its windows, in their order. */
export class JoinedWindows {
  private readonly join: WindowSettings['join'];
  private row: Float32Array | null = null;
  private count = 0;

  constructor(join: WindowSettings['join']) {
    this.join = join;
  }

  add(row: Float32Array): void {
    this.count++;
    if (this.row === null) {
      this.row = row.slice();
      return;
    }
    for (const [j, value] of row.entries()) {
      const known = this.row[j] ?? 0;
      this.row[j] = this.join === 'mean' ? known + value : Math.max(known, value);
    }
  }

  finish(): Float32Array {
    const { row, count, join } = this;
    if (row === null) return new Float32Array(0);
    return join === 'mean' ? row.map((sum) => sum / count) : row;
  }
}
