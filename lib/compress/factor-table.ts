/**
 * Makes a model whose table of tokens has fewer columns and a product behind it, as close to the table as it can be.
 *
 * The rule: with texts a token counts by how often it occurs in them, because the directions of frequent tokens are what the model
 * sees. The best subspace is that of the eigenvectors of the weighted sums of the rows (Eckart and Young 1936).
 */

import { inTurns, type Steps, Turn } from '../core/turns.js';
import { GraphBuilder } from '../graph/builder.js';
import { factorTable } from '../graph/rewrite/factor-table.js';
import { runJob } from '../native/jobs.js';
import { native } from '../native/native.js';
import type { NativeProgram, NativeStore } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  buildProgram,
  bytesOf,
  deriveProgram,
  disposeProgram,
  floatsOf,
  readPieces,
} from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';

/** Options of `factoredTable`. */
export interface FactorTableOptions {
  /** Texts whose tokens count more. Left out: all tokens count alike. */
  readonly texts?: readonly TextInput[];
  readonly signal?: AbortSignal | undefined;
}

/** What was made. */
export interface FactoredModel {
  readonly parts: ModelParts;
  /** Share of the weighted squares of the table that is lost, from 0 to 1. */
  readonly lost: number;
}

/**
 * The model with an embedding size of `rank`; the old one stays usable. Throws RangeError as `factorTable`.
 */
export async function factoredTable(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  rank: number,
  { texts, signal }: FactorTableOptions = {},
): Promise<FactoredModel> {
  const { graph, table, rows, product } = factorTable(parts.graph, rank);
  const shape = parts.graph.weights.find(({ name }) => name === table)?.shape ?? [];
  const [vocabulary = 0, width = 0] = shape;
  const call = { where, signal, store: program.store, table: { name: table, shape }, width };
  const counts = texts === undefined ? null : await tokenCounts(call, parts, texts, vocabulary);
  const { directions, lost } = await principalDirections(call, counts, rank);
  const written = new Map([
    [rows, await projected(call, directions, vocabulary, rank)],
    [product, transposed(directions, rank, width)],
  ]);
  const made = await deriveProgram(
    graph,
    program.store,
    { trainable: false, where, signal },
    { written },
  );
  return { parts: { ...parts, graph, isChanged: true, program: new SharedProgram(made) }, lost };
}

interface TableCall {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  readonly store: NativeStore;
  readonly table: { readonly name: string; readonly shape: readonly number[] };
  readonly width: number;
}

/** Texts that are tokenized at once. */
const TEXTS_AT_ONCE = 256;

/** How often each token occurs, and once more, so that tokens that do not occur count a little. */
async function tokenCounts(
  { where, signal }: TableCall,
  { tokenizer, graph }: ModelParts,
  texts: readonly TextInput[],
  vocabulary: number,
): Promise<Float64Array> {
  const counts = new Float64Array(vocabulary).fill(1);
  const options = { maxTokens: graph.maxTokens, truncate: true, where, signal };
  for (let begin = 0; begin < texts.length; begin += TEXTS_AT_ONCE) {
    const { ids } = await tokenizer.encode(texts.slice(begin, begin + TEXTS_AT_ONCE), options);
    for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts;
}

/** Unit vectors [rank, width] of the directions in which the rows, each weighted by its count, are largest. */
async function principalDirections(
  { where, signal, store, table, width }: TableCall,
  counts: Float64Array | null,
  rank: number,
): Promise<{ readonly directions: Float32Array; readonly lost: number }> {
  const gram = new (native().Gram)({ inputs: width, outputs: 0, intercept: false });
  try {
    const turn = new Turn();
    let first = 0;
    for await (const [bytes] of readPieces(where, store, table, 'f32')) {
      const rows = floatsOf(bytes as Uint8Array).slice();
      if (counts !== null) await inTurns(weighRows(rows, counts, first, width), turn);
      await runJob(where, signal, (jobId) => gram.add(rows, null, null, jobId));
      first += rows.length / width;
    }
    // With W = I the left singular vectors of W L, L L^T = X^T X, are the eigenvectors of X^T X.
    const identity = Float32Array.from({ length: width * width }, (_, i) =>
      i % (width + 1) === 0 ? 1 : 0,
    );
    const options = { outputs: width, inputs: width, rank, scale: null, gram, lambda: LEAST };
    const { a, singularValues } = await runJob(where, signal, (jobId) =>
      native().lowRank(identity, options, jobId),
    );
    const square = (sum: number, value: number) => sum + value * value;
    const lost =
      singularValues.slice(rank).reduce(square, 0) /
      singularValues.reduce(square, Number.MIN_VALUE);
    return { directions: unitRows(a, width), lost };
  } finally {
    gram.dispose();
  }
}

/** Damping that only makes the sums of dependent columns solvable. */
const LEAST = 1e-9;

/** Rows between two looks at the clock. */
const STEP = 256;

function* weighRows(
  rows: Float32Array,
  counts: Float64Array,
  first: number,
  width: number,
): Steps<void> {
  for (let row = 0; row < rows.length / width; row++) {
    const factor = Math.sqrt(counts[first + row] ?? 1);
    for (let i = row * width; i < (row + 1) * width; i++) rows[i] = (rows[i] as number) * factor;
    if (row % STEP === STEP - 1) yield;
  }
}

function unitRows(rows: Float32Array, width: number): Float32Array {
  const out = new Float32Array(rows.length);
  for (let begin = 0; begin < rows.length; begin += width) {
    const row = rows.subarray(begin, begin + width);
    let square = 0;
    for (const value of row) square += value * value;
    const size = Math.sqrt(square);
    for (const [i, value] of row.entries()) out[begin + i] = size === 0 ? 0 : value / size;
  }
  return out;
}

/** The rows of the table times the directions, [vocabulary, rank], computed on the lanes. */
async function projected(
  { where, signal, store, table, width }: TableCall,
  directions: Float32Array,
  vocabulary: number,
  rank: number,
): Promise<Float32Array> {
  const g = new GraphBuilder();
  const features = g.add({ op: 'features', width, output: 'features' });
  const product = { name: 'directions', inputs: width, outputs: rank, bias: false };
  g.output('logits', g.linear([product], 'none', features, 'coordinates'));
  const graph = g.finish({ architecture: 'features', maxTokens: 1, vocabulary: 1, segments: 1 });
  const program = await buildProgram(graph, { trainable: false, where, signal }, (to, { name }) =>
    to.writeWeight(name, 0, 'f32', bytesOf(directions)),
  );
  try {
    const found = new Float32Array(vocabulary * rank);
    let first = 0;
    for await (const [bytes] of readPieces(where, store, table, 'f32')) {
      const rows = floatsOf(bytes as Uint8Array);
      const count = rows.length / width;
      const offsets = Int32Array.from({ length: count + 1 }, (_, i) => i);
      const batch = { ids: new Int32Array(count), offsets, segments: null, features: rows };
      const data = new Float32Array(count * rank);
      await runJob(where, signal, (jobId) =>
        program.run(batch, [{ name: 'logits', data }], { jobId, tokenBudget: 512 }),
      );
      found.set(data, first * rank);
      first += count;
    }
    return found;
  } finally {
    disposeProgram(program);
  }
}

function transposed(rows: Float32Array, count: number, width: number): Float32Array {
  const out = new Float32Array(rows.length);
  for (let i = 0; i < count; i++)
    for (let j = 0; j < width; j++) out[j * count + i] = rows[i * width + j] as number;
  return out;
}
