/**
 * What the batchers of all models are made of: ways to tokenize texts, and ways to compute their rows.
 *
 * A training replaces the parts of a model, so they are looked up in every call.
 */

import type { RunOptions } from '../../batching/batch-options.js';
import type {
  BatchEncoder,
  BatchEngine,
  BatchRunner,
  RequestTokens,
} from '../../batching/batch-work.js';
import type { OutputName } from '../../graph/types.js';
import type { NativeProgram } from '../../native/program.js';
import { forwardTokens } from '../../runtime/forward.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { unscaledGraph, unscaledProgram } from '../../runtime/unit-vectors.js';
import type { AlignedTexts } from '../../tokenize/aligned-texts.js';
import type { KeptSide, TextInput } from '../../tokenize/text-tokenizer.js';

/** A model as its batcher sees it. */
export interface LiveModel {
  /** The parts that it has now. */
  readonly parts: ModelParts;
  /** Runs `work` with the program, which is kept alive meanwhile. */
  use<T>(where: string, work: (program: NativeProgram) => Promise<T>): Promise<T>;
}

/** What a model says of its batcher. */
export type BatchModel<R, I, O extends RunOptions> = Pick<
  BatchEngine<R, I, O>,
  'maxTokens' | 'runOptions' | 'begin'
>;

/** Name of a text in the messages of `run`. */
export const TEXT_NAME = 'run: text';

/** Which end of a text over the limit goes. */
export type TruncationDirection = 'right' | 'left';

export const TRUNCATION_DIRECTIONS: readonly TruncationDirection[] = ['right', 'left'];

/** How a text over the limit is taken; without a direction as the tokenizer's files say. */
export interface Truncation {
  readonly truncate: boolean;
  readonly truncationDirection: TruncationDirection | undefined;
}

/** Encoders for texts of which only ids are needed: one for each way to truncate. */
export function idEncoders(model: LiveModel, maxTokens: number): (how: Truncation) => BatchEncoder {
  const made = new Map<string, BatchEncoder>();
  return ({ truncate, truncationDirection }) => {
    const key = `${truncate} ${truncationDirection}`;
    let encoder = made.get(key);
    if (encoder === undefined) {
      const kept = keptBy(truncationDirection);
      const options = { maxTokens, truncate, kept, nameOf: () => TEXT_NAME, where: 'run' };
      encoder = { encode: (texts) => encodeIds(model, texts, options) };
      made.set(key, encoder);
    }
    return encoder;
  };
}

function keptBy(direction: TruncationDirection | undefined): KeptSide | undefined {
  if (direction === undefined) return undefined;
  return direction === 'left' ? 'last' : 'first';
}

async function encodeIds(
  { parts }: LiveModel,
  texts: readonly TextInput[],
  options: Parameters<ModelParts['tokenizer']['encode']>[1],
): Promise<RequestTokens[]> {
  const { ids, segments, offsets, cut } = await parts.tokenizer.encode(texts, options);
  return texts.map((_, i) => {
    const [begin, end] = [offsets[i], offsets[i + 1]];
    return {
      ids: ids.subarray(begin, end),
      segments: segments.subarray(begin, end),
      cut: cut[i] === 1,
    };
  });
}

/** Window `index` alone, as views. */
export function windowOf(all: AlignedTexts, index: number): RequestTokens {
  const [begin = 0, end = 0] = [all.offsets[index], all.offsets[index + 1]];
  const ids = all.ids.subarray(begin, end);
  const segments = all.segments.subarray(begin, end);
  const cut = all.cut.subarray(index, index + 1);
  const places = {
    ...{ ids, segments, cut, truncated: cut[0] ?? 0 },
    offsets: Int32Array.of(0, end - begin),
    sources: Int32Array.of(0),
    parts: all.parts.subarray(begin, end),
    starts: all.starts.subarray(begin, end),
    ends: all.ends.subarray(begin, end),
    continues: all.continues.subarray(begin, end),
  };
  return { ids, segments, cut: cut[0] === 1, places };
}

/** The windows of each group. */
export async function* windowsOf(
  groups: AsyncIterable<AlignedTexts>,
): AsyncGenerator<RequestTokens[]> {
  for await (const group of groups) {
    yield Array.from(group.sources, (_, window) => windowOf(group, window));
  }
}

/** How the rows of sequences are computed. */
export interface Rows {
  readonly output: OutputName;
  /** What has a row. */
  readonly unit: 'sequence' | 'token' | 'selected';
  /** Most rows of a batch with more than one request. Default: no limit. */
  readonly maxRows?: number;
  /** Tokens at the start of every text that poolings leave out. Default: 0. */
  readonly unpooled?: () => Promise<number>;
  /** true: embeddings from before the last step, which scales them to length 1. */
  readonly isUnscaled?: boolean;
}

const ROWS_OF: Readonly<Record<Rows['unit'], BatchRunner['rowsOf']>> = {
  sequence: () => 1,
  token: ({ ids }) => ids.length,
  selected: ({ selected }) => selected?.length ?? 0,
};

export function rowRunner(model: LiveModel, rows: Rows): BatchRunner {
  const { output, unit, maxRows = Number.POSITIVE_INFINITY, isUnscaled = false } = rows;
  return {
    rowsOf: ROWS_OF[unit],
    maxRows,
    async run(tokens, signal, priority) {
      const unpooled = (await rows.unpooled?.()) ?? 0;
      const request = { where: 'run', output, signal, priority, unpooled };
      const { graph, program: shared } = model.parts;
      return model.use('run', async (program) => {
        if (!isUnscaled) return forwardTokens(program, graph, tokens, request);
        const unscaled = await unscaledProgram(graph, shared);
        return forwardTokens(unscaled, unscaledGraph(graph), tokens, request);
      });
    },
  };
}
