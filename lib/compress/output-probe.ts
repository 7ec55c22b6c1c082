/**
 * Texts that are run through several forms of one model, and how far their outputs are apart.
 *
 * The outputs of the f32 model are kept, those of the others are compared piece by piece, so memory is that of one model's
 * outputs.
 */

import { rangeMistake, SinterError, throwIfAborted, typeMistake } from '../core/errors.js';
import { inTurns, Turn } from '../core/turns.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, OutputBuffer, TokenBatch } from '../native/program.js';
import { someTexts, TOKEN_BUDGET, trimSegments } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import {
  type Comparison,
  comparisonOf,
  type DivergenceMeasure,
  type Sums,
} from './output-divergence.js';

/** Tokens of a piece if few values are read: some micro-batches for every lane. */
const TOKENS_AT_ONCE = 4096;
/** Numbers of a piece: they are copied in one turn of the event loop. */
const FLOATS_AT_ONCE = 1 << 20;

/** Values of a piece of the texts, in the order in which they were asked for. */
export interface Piece {
  readonly batch: TokenBatch;
  readonly values: readonly Float32Array[];
}

/** Throws TypeError or RangeError for what is no list of texts. The tokenizer checks the texts. */
export function checkTexts(where: string, texts: readonly TextInput[]): void {
  if (!Array.isArray(texts)) throw typeMistake(`${where}: texts`, 'an array of texts', texts);
  if (texts.length === 0) throw rangeMistake(`${where}: texts`, 'one text or more', texts);
}

export class OutputProbe {
  readonly measure: DivergenceMeasure;
  readonly output: OutputName;
  /** Number of tokens of all texts. */
  readonly tokens: number;
  private readonly where: string;
  private readonly batch: TokenBatch;
  private readonly compare: Comparison;
  private readonly signal: AbortSignal | undefined;
  private reference: Float32Array = new Float32Array();

  private constructor(
    where: string,
    { head }: ModelParts,
    batch: TokenBatch,
    signal: AbortSignal | undefined,
  ) {
    this.where = where;
    this.batch = batch;
    this.signal = signal;
    this.tokens = batch.ids.length;
    this.output = head.task === 'embedding' ? 'embedding' : 'logits';
    [this.measure, this.compare] = comparisonOf(head);
  }

  /** Tokenizes the texts (cut at the model's limit) and runs the f32 model on them. */
  static async of(
    where: string,
    parts: ModelParts,
    program: NativeProgram,
    texts: readonly TextInput[],
    signal: AbortSignal | undefined,
  ): Promise<OutputProbe> {
    const batch = await encode(where, parts, texts, signal);
    const probe = new OutputProbe(where, parts, batch, signal);
    if (parts.graph.outputs[probe.output] === undefined)
      throw new SinterError('UNSUPPORTED_MODEL', `${where}: the model has no ${probe.output}`);
    const pieces: Float32Array[] = [];
    for await (const { values } of probe.runs(parts.graph, program, [probe.output]))
      pieces.push(...values);
    const whole = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    probe.reference = whole;
    return probe;
  }

  /** Mean length of a text in tokens, and of the squares of lengths. */
  get lengths(): { readonly mean: number; readonly meanSquare: number } {
    const { offsets } = this.batch;
    const count = offsets.length - 1;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += ((offsets[i + 1] ?? 0) - (offsets[i] ?? 0)) ** 2;
    return { mean: this.tokens / count, meanSquare: squares / count };
  }

  /** How far the outputs of this program are from those of f32. */
  async divergence(graph: EncoderGraph, program: NativeProgram): Promise<number> {
    const width = widthOf(graph, this.output);
    const sums: Sums = { sum: 0, count: 0 };
    let at = 0;
    for await (const { values, batch } of this.runs(graph, program, [this.output])) {
      const [others = new Float32Array()] = values;
      const turn = new Turn();
      await turn.end();
      for (const [begin, end] of textRows(graph, this.output, batch)) {
        const other = others.subarray(begin * width, end * width);
        const f32 = this.reference.subarray(at, at + other.length);
        at += other.length;
        await inTurns(this.compare(f32, other, width, sums), turn);
      }
    }
    return sums.sum / sums.count;
  }

  /** Runs the first texts (all by default) in pieces and gives the values of these outputs. */
  async *runs(
    graph: EncoderGraph,
    program: NativeProgram,
    outputs: readonly string[],
    texts = this.batch.offsets.length - 1,
  ): AsyncGenerator<Piece> {
    for (const batch of piecesOf(this.batch, texts, rowFloats(graph, outputs))) {
      throwIfAborted(this.signal, this.where);
      const buffers: OutputBuffer[] = outputs.map((name) => ({
        name,
        data: new Float32Array(rowsOf(graph, name, batch) * widthOf(graph, name)),
      }));
      await runJob(this.where, this.signal, (jobId) =>
        program.run(batch, buffers, { jobId, tokenBudget: TOKEN_BUDGET }),
      );
      yield { values: buffers.map(({ data }) => data), batch };
    }
  }
}

/** The tokens of the texts. For a masked language model the token in the middle of each is masked and selected. */
async function encode(
  where: string,
  { graph, head, tokenizer }: ModelParts,
  texts: readonly TextInput[],
  signal: AbortSignal | undefined,
): Promise<TokenBatch> {
  const options = { maxTokens: graph.maxTokens, truncate: true, where, signal };
  const encoded = await tokenizer.encode(texts, options);
  const batch = trimSegments(graph, encoded);
  const mask = tokenizer.maskToken;
  if (head.task !== 'masked-lm' || mask === null) return batch;
  const ids = batch.ids.slice();
  const selected = batch.offsets.subarray(0, -1).map((begin, i) => {
    return (begin + (batch.offsets[i + 1] ?? 0)) >> 1;
  });
  for (const index of selected) ids[index] = mask.id;
  return { ...batch, ids, selected };
}

/** The first `texts` texts, so many at a time as have few tokens and few numbers. */
function* piecesOf(batch: TokenBatch, texts: number, floats: number): Generator<TokenBatch> {
  const { offsets, selected } = batch;
  const most = Math.min(TOKENS_AT_ONCE, FLOATS_AT_ONCE / Math.max(1, floats));
  const last = Math.min(texts, offsets.length - 1);
  const tokens = (begin: number, end: number) => (offsets[end] ?? 0) - (offsets[begin] ?? 0);
  for (let begin = 0, end = 1; begin < last; begin = end) {
    for (end = begin + 1; end < last && tokens(begin, end + 1) <= most; ) end++;
    const some = someTexts(batch, begin, end);
    const first = offsets[begin] ?? 0;
    yield selected
      ? { ...some, selected: selected.subarray(begin, end).map((index) => index - first) }
      : some;
  }
}

/** Ranges of rows of an output, one for each text. */
function* textRows(
  graph: EncoderGraph,
  output: OutputName,
  { offsets }: TokenBatch,
): Generator<[number, number]> {
  const isPerToken = kindOf(graph, output) === 'token';
  for (let i = 0; i + 1 < offsets.length; i++) {
    yield isPerToken ? [offsets[i] ?? 0, offsets[i + 1] ?? 0] : [i, i + 1];
  }
}

/** Rows of an output. Of a masked language model one token of each text is selected. */
function rowsOf(graph: EncoderGraph, output: string, { ids, offsets }: TokenBatch): number {
  return kindOf(graph, output) === 'token' ? ids.length : offsets.length - 1;
}

/** Numbers of a token in these outputs; rows of whole texts count as rows of tokens. */
function rowFloats(graph: EncoderGraph, outputs: readonly string[]): number {
  return outputs.reduce((sum, name) => sum + widthOf(graph, name), 0);
}

const shapeOf = (graph: EncoderGraph, output: string) =>
  validateGraph(graph).get(graph.outputs[output as OutputName] ?? '');

const kindOf = (graph: EncoderGraph, output: string) => shapeOf(graph, output)?.kind;

/** Width of the rows of an output. */
export const widthOf = (graph: EncoderGraph, output: string): number =>
  shapeOf(graph, output)?.width ?? 0;
