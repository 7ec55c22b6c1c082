/**
 * Runs texts through a program, in pieces: while the lanes run one piece, the next is tokenized.
 *
 * Memory is bounded by a few pieces and the result. Results are in the order of the texts, and each depends on its own text
 * only.
 */

import { rangeMistake, SinterError, throwIfAborted } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import type { Priority } from '../core/priority.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, TokenBatch } from '../native/program.js';
import type { TextInput, TextTokenizer } from '../tokenize/text-tokenizer.js';

/** Tokens in a micro-batch, which one lane runs alone. */
export const TOKEN_BUDGET = 512;
/** Texts per piece. A piece has many micro-batches, so that lanes seldom wait for each other. */
const PIECE_TEXTS = 1024;
/** A piece ends earlier if its texts have this many characters together. */
const PIECE_CHARS = 1 << 20;
/** Pieces that run or wait to run. */
const MAX_RUNNING = 2;

export interface ForwardRequest {
  readonly where: string;
  readonly output: OutputName;
  readonly maxTokens: number;
  readonly truncate: boolean;
  readonly signal: AbortSignal | undefined;
  readonly priority: Priority;
  /** Tokens at the start of every text that poolings leave out: those of a prompt. Default: 0. */
  readonly unpooled?: number;
  /** Called with the index of each text that was truncated. */
  readonly onCut?: (index: number) => void;
  /** How many leading numbers of each row are returned. Default: all. */
  readonly columns?: number;
}

/** Name, signal and priority of a run. */
export type RunRequest = Pick<ForwardRequest, 'where' | 'signal'> & {
  /** Default: 'bulk'. */
  readonly priority?: Priority;
};

/** Width of the rows of an output. */
export function outputWidth(graph: EncoderGraph, output: OutputName): number {
  const value = graph.outputs[output];
  const shape = value === undefined ? undefined : validateGraph(graph).get(value);
  if (shape === undefined) throw new SinterError('INTERNAL', `the graph has no output ${output}`);
  return shape.width;
}

/** Whether an output has one row per token instead of one per text. */
export function isPerToken(graph: EncoderGraph, output: OutputName): boolean {
  const value = graph.outputs[output];
  return value !== undefined && validateGraph(graph).get(value)?.kind === 'token';
}

/** Runs texts; returns a matrix with one row of `output` per text. */
export async function forwardTexts(
  program: NativeProgram,
  tokenizer: TextTokenizer,
  graph: EncoderGraph,
  texts: readonly TextInput[],
  request: ForwardRequest,
): Promise<Matrix> {
  const { output, maxTokens, truncate, signal, where, priority, unpooled = 0 } = request;
  const width = outputWidth(graph, output);
  const { columns = width } = request;
  const result = Matrix.zeros(texts.length, columns);
  const running: Promise<void>[] = [];
  try {
    for (let begin = 0; begin < texts.length; ) {
      throwIfAborted(signal, where);
      const end = pieceEnd(texts, begin);
      const piece = texts.slice(begin, end);
      const options = { maxTokens, truncate, firstIndex: begin, signal, where };
      const tokens = await tokenizer.encode(piece, options);
      const first = begin;
      for (const [i, cut] of tokens.cut.entries()) if (cut === 1) request.onCut?.(first + i);
      checkPooled(tokens.offsets, unpooled, (i) => `texts[${options.firstIndex + i}]`);
      const batch = { ...trimSegments(graph, tokens), unpooled };
      if (running.length >= MAX_RUNNING) await running.shift();
      const data = result.data.subarray(begin * columns, end * columns);
      const rows = columns === width ? data : new Float32Array((end - begin) * width);
      const job = runBatch(program, batch, output, rows, { where, priority, signal }).then(() => {
        if (rows !== data) copyColumns(rows, width, data, columns);
      });
      // The job is awaited below, perhaps after another one has failed: without this its failure would count as unhandled.
      job.catch(() => {});
      running.push(job);
      begin = end;
    }
    await Promise.all(running);
  } finally {
    // Runs write into the result's memory until they have ended.
    await Promise.allSettled(running);
  }
  return result;
}

/** Throws RangeError for a text without tokens to pool, because its prompt takes all of them. */
function checkPooled(
  offsets: Int32Array,
  unpooled: number,
  nameOf: (index: number) => string,
): void {
  for (let i = 0; unpooled > 0 && i + 1 < offsets.length; i++) {
    const length = (offsets[i + 1] ?? 0) - (offsets[i] ?? 0);
    if (length <= unpooled) {
      throw rangeMistake(nameOf(i), `longer than the ${unpooled} tokens of its prompt`, length);
    }
  }
}

/** Copies the first `columns` numbers of each row; the rows of `from` have `width` numbers. */
function copyColumns(from: Float32Array, width: number, to: Float32Array, columns: number): void {
  for (let row = 0; row * width < from.length; row++) {
    to.set(from.subarray(row * width, row * width + columns), row * columns);
  }
}

/**
 * Runs sequences of tokens at once; returns a matrix with the rows of `output`: one per sequence, or per token, or per selected
 * token.
 */
export async function forwardTokens(
  program: NativeProgram,
  graph: EncoderGraph,
  tokens: TokenBatch & { readonly segments: Int32Array },
  request: RunRequest & Pick<ForwardRequest, 'output' | 'unpooled'>,
): Promise<Matrix> {
  const { output, unpooled = 0, where } = request;
  const { offsets, ids, selected = null } = tokens;
  checkPooled(offsets, unpooled, () => `${where}: text`);
  const whole = isPerToken(graph, output) ? ids.length : offsets.length - 1;
  const result = Matrix.zeros(selected?.length ?? whole, outputWidth(graph, output));
  const batch = { ...trimSegments(graph, tokens), selected, unpooled };
  await runBatch(program, batch, output, result.data, request);
  return result;
}

/** Runs a program on a batch and writes its output `name` to `data`. Throws CORRUPT_MODEL if a number is not finite. */
export async function runBatch(
  program: NativeProgram,
  batch: TokenBatch,
  name: OutputName,
  data: Float32Array,
  { where, signal, priority }: RunRequest,
): Promise<void> {
  const urgent = priority === 'interactive';
  await runJob(where, signal, (jobId) =>
    program.run(batch, [{ name, data }], { jobId, tokenBudget: TOKEN_BUDGET, urgent }),
  );
  checkNumbers(where, data);
}

/** All weights are finite, but large ones may overflow in the computation. */
function checkNumbers(where: string, data: Float32Array): void {
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new SinterError(
      'CORRUPT_MODEL',
      `${where}: the model gives ${data[i]}: its weights are too large to compute with`,
    );
  }
}

/** The batch without its segments if all are 0 (no pairs) or the model has no segments. */
export function trimSegments(
  graph: EncoderGraph,
  batch: TokenBatch & { readonly segments: Int32Array },
): TokenBatch {
  const { ids, offsets, segments } = batch;
  const needed = graph.segments > 1 && segments.some((segment) => segment !== 0);
  return { ids, offsets, segments: needed ? segments : null };
}

/** Texts [begin, end) of a batch of whole texts. */
export function someTexts(
  { ids, offsets, segments }: TokenBatch,
  begin: number,
  end: number,
): TokenBatch {
  const [first = 0, last = 0] = [offsets[begin], offsets[end]];
  return {
    ids: ids.subarray(first, last),
    offsets: offsets.subarray(begin, end + 1).map((offset) => offset - first),
    segments: segments?.subarray(first, last) ?? null,
  };
}

function pieceEnd(texts: readonly TextInput[], begin: number): number {
  let chars = 0;
  let end = begin;
  while (end < texts.length && end - begin < PIECE_TEXTS && chars < PIECE_CHARS) {
    const text: unknown = texts[end];
    // The tokenizer refuses values that are not texts.
    if (typeof text === 'string') chars += text.length;
    else if (Array.isArray(text)) chars += String(text[0]).length + String(text[1]).length;
    end++;
  }
  return end;
}
