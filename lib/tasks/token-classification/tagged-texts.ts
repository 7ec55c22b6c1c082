/**
 * Runs texts of any length through a token classifier: in windows, whose tokens are joined again.
 *
 * Memory is limited to one group of windows and the entities found so far.
 */

import { makeInTurns } from '../../core/turns.js';
import { softmax } from '../../metrics/logits.js';
import type { NativeProgram } from '../../native/program.js';
import { type AlignedLogits, forwardAligned, PIECE_TEXTS } from '../../runtime/aligned-forward.js';
import type { RunRequest } from '../../runtime/forward.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { eachOwnToken, leftToEarlier } from '../../runtime/window-share.js';
import type { AlignedTexts } from '../../tokenize/aligned-texts.js';
import { type Aggregation, type Entity, EntityReader, type WordToken } from './entities.js';

/** Windows that are processed before the event loop turns: about two milliseconds. */
const WINDOWS_PER_TURN = 4;

export interface TaggingOptions extends RunRequest {
  readonly aggregation: Aggregation;
  readonly maxTokens: number;
  /** Number of tokens that neighbouring windows share; null: only one window, and longer texts are truncated or refused. */
  readonly stride: number | null;
  /** Without windows: true truncates longer texts, false refuses them. */
  readonly truncate: boolean;
  /** Called with the index of each text that was truncated. */
  readonly onCut: (index: number) => void;
}

/** The entities of each text. */
export async function tagTexts(
  program: NativeProgram,
  parts: Pick<ModelParts, 'graph' | 'tokenizer' | 'head'>,
  texts: readonly string[],
  options: TaggingOptions,
): Promise<Entity[][]> {
  const { aggregation, stride } = options;
  const labels = parts.head.labels ?? [];
  const found: Entity[][] = [];
  for (let first = 0; first < texts.length; first += PIECE_TEXTS) {
    const piece = texts.slice(first, first + PIECE_TEXTS);
    const open = piece.map((text) => new TextTags(text, labels, aggregation, stride ?? 0));
    for await (const aligned of windowsOf(parts, piece, first, options)) {
      const all = await forwardAligned(program, parts.graph, aligned, options);
      const add = (window: number) =>
        open[aligned.sources[window] ?? 0]?.add(windowTags(all, window));
      await makeInTurns(aligned.sources.length, WINDOWS_PER_TURN, add, options);
    }
    found.push(...open.map((text) => text.finish()));
  }
  return found;
}

async function* windowsOf(
  { tokenizer }: Pick<ModelParts, 'tokenizer'>,
  piece: readonly string[],
  first: number,
  { maxTokens, stride, truncate, signal, onCut }: TaggingOptions,
): AsyncGenerator<AlignedTexts> {
  if (stride !== null) {
    const nameOf = (i: number) => `texts[${first + i}]`;
    yield* tokenizer.windowGroups(piece, { maxTokens, stride, signal, nameOf });
    return;
  }
  const encode = { maxTokens, truncate, firstIndex: first, signal };
  const aligned = await tokenizer.encodeAligned(piece, encode);
  for (const [i, cut] of aligned.cut.entries()) if (cut === 1) onCut(first + i);
  yield aligned;
}

/** A token of a window with its probabilities. */
export interface WindowTag {
  readonly token: WordToken;
  /** Whether it belongs to the same word as the token before it. */
  readonly continues: boolean;
}

/** The tokens of window `index` that are not special. */
export function windowTags({ aligned, logits }: AlignedLogits, index: number): WindowTag[] {
  const tags: WindowTag[] = [];
  eachOwnToken(aligned, index, (i) => {
    const [start = 0, end = 0] = [aligned.starts[i], aligned.ends[i]];
    const token = { start, end, probabilities: softmax(logits.row(i)) };
    tags.push({ token, continues: aligned.continues[i] === 1 });
  });
  return tags;
}

/** Joins the windows of one text, in their order. */
export class TextTags {
  private readonly reader: EntityReader;
  private readonly early: number;
  private readonly late: number;
  private windows = 0;
  /** The last tokens of the latest window. They are held back because the next window has them too, with more context. */
  private held: readonly WindowTag[] = [];

  /** `stride`: tokens that neighbouring windows share. */
  constructor(text: string, labels: readonly string[], aggregation: Aggregation, stride: number) {
    this.reader = new EntityReader(text, labels, aggregation);
    this.early = leftToEarlier(stride);
    this.late = stride - this.early;
  }

  add(window: readonly WindowTag[]): void {
    const own = window.slice(this.windows === 0 ? 0 : this.early);
    this.windows += 1;
    const sure = Math.max(0, own.length - this.late);
    this.commit(own.slice(0, sure));
    this.held = own.slice(sure);
  }

  finish(): Entity[] {
    this.commit(this.held);
    return this.reader.finish();
  }

  private commit(tags: readonly WindowTag[]): void {
    for (const { token, continues } of tags) this.reader.add(token, continues);
  }
}
