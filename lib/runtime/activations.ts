/**
 * Reads values inside a graph for many texts: a copy of the graph has them as outputs.
 *
 * Memory is bounded: texts are tokenized a few at a time, and so many run together as have about a million numbers.
 */

import { throwIfAborted } from '../core/errors.js';
import { onlyOutputs } from '../graph/rewrite/outputs.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, OutputBuffer, TokenBatch } from '../native/program.js';
import type { TextInput, TextTokenizer } from '../tokenize/text-tokenizer.js';
import { someTexts, TOKEN_BUDGET, trimSegments } from './forward.js';

/** Texts that are tokenized at once. */
const TEXTS_AT_ONCE = 16;
/** Numbers of the texts that run at once, unless a single one has more: they are copied in one turn of the event loop. */
const FLOATS_AT_ONCE = 1 << 20;

/** `graph` with these values as its outputs, by their own names, and without what they do not need. */
export function offeringValues(graph: EncoderGraph, values: Iterable<string>): EncoderGraph {
  // The cast is safe, because only callers of the package are limited to the closed list of output names.
  const outputs = Object.fromEntries([...values].map((value) => [value as OutputName, value]));
  return onlyOutputs({ ...graph, outputs }, Object.keys(outputs) as OutputName[]);
}

/** What a reading needs besides the texts. */
export interface TextReading {
  readonly where: string;
  readonly tokenizer: TextTokenizer;
  /** All graphs that a batch runs through: their outputs together bound its size. */
  readonly graphs: readonly EncoderGraph[];
  readonly signal: AbortSignal | undefined;
}

/** The texts as batches, in order. A text over the length limit is truncated. */
export async function* textBatches(
  texts: readonly TextInput[],
  { where, tokenizer, graphs, signal }: TextReading,
): AsyncGenerator<TokenBatch, void, undefined> {
  const most = FLOATS_AT_ONCE / graphs.reduce((sum, graph) => sum + outputWidths(graph), 0);
  const [first] = graphs;
  if (first === undefined) return;
  const maxTokens = Math.min(...graphs.map((graph) => graph.maxTokens));
  for (let begin = 0; begin < texts.length; begin += TEXTS_AT_ONCE) {
    throwIfAborted(signal, where);
    const piece = texts.slice(begin, begin + TEXTS_AT_ONCE);
    const options = { maxTokens, firstIndex: begin, signal, where };
    const encoded = await tokenizer.encode(piece, options);
    yield* batchesOf(trimSegments(first, encoded), most);
  }
}

/** Some texts at a time, at most `most` tokens unless a single one has more. */
function* batchesOf(batch: TokenBatch, most: number): Generator<TokenBatch> {
  const { offsets } = batch;
  const tokens = (begin: number, end: number) => (offsets[end] ?? 0) - (offsets[begin] ?? 0);
  for (let begin = 0, end = 1; begin < offsets.length - 1; begin = end) {
    for (end = begin + 1; end < offsets.length - 1 && tokens(begin, end + 1) <= most; ) end++;
    yield someTexts(batch, begin, end);
  }
}

function outputWidths(graph: EncoderGraph): number {
  const shapes = validateGraph(graph);
  const widths = Object.values(graph.outputs).map((value) => shapes.get(value ?? '')?.width ?? 0);
  return widths.reduce((sum, width) => sum + width, 0);
}

/** All outputs of a graph for one batch, by name: values of tokens or of sequences. */
export async function runOutputs(
  { where, signal }: Pick<TextReading, 'where' | 'signal'>,
  graph: EncoderGraph,
  program: NativeProgram,
  batch: TokenBatch,
): Promise<ReadonlyMap<string, Float32Array>> {
  const shapes = validateGraph(graph);
  const outputs: OutputBuffer[] = Object.entries(graph.outputs).map(([name, value]) => {
    const { kind, width } = shapes.get(value ?? '') ?? { kind: 'token', width: 0 };
    const rows = kind === 'sequence' ? batch.offsets.length - 1 : batch.ids.length;
    return { name, data: new Float32Array(rows * width) };
  });
  await runJob(where, signal, (jobId) =>
    program.run(batch, outputs, { jobId, tokenBudget: TOKEN_BUDGET }),
  );
  return new Map(outputs.map(({ name, data }) => [name, data]));
}
