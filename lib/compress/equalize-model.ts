/**
 * Finds the equalizers of a model: runs it on random tokens and measures which channels are large.
 *
 * The large channels are a property of the model, not of the texts: random tokens give the same accuracy as real texts
 * (docs/decisions.md), so the caller needs no texts. The same model gets the same equalizers on every machine.
 */

import { throwIfAborted } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import { inTurns, Turn } from '../core/turns.js';
import { columnMagnitudes, equalizableNodes, equalizerOf } from '../graph/rewrite/equalize.js';
import { quantizableWeights } from '../graph/rewrite/quantize.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, OutputBuffer, TokenBatch } from '../native/program.js';
import { someTexts, TOKEN_BUDGET } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { floatsOf, programOver, readPieces } from '../runtime/program.js';

const SEQUENCES = 16;
/** What a run gives is copied in one turn of the event loop: 5 MB of a model with 12 layers of 384. */
const SEQUENCES_PER_RUN = 4;
const SEQUENCE_TOKENS = 32;
const SEED = 16;

/**
 * The equalizer of every product of these weights that takes one, by the name of the product's output. `program` is the f32
 * program of the parts.
 */
export async function modelEqualizers(
  where: string,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  signal: AbortSignal | undefined,
  quantized = quantizableWeights(graph, { embeddings: false }),
): Promise<ReadonlyMap<string, Float32Array>> {
  const nodes = equalizableNodes(graph).filter(({ weights }) =>
    weights.every((name) => quantized.has(name)),
  );
  if (nodes.length === 0) return new Map();
  const { ids } = await tokenizer.encodeWithOffsets('');
  const inputs = new Set(nodes.map((node) => node.input));
  const batch = drawnBatch(graph, ids);
  const largest = await largestInputs(where, graph, program, inputs, batch, signal);
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const equalizers = new Map<string, Float32Array>();
  const turn = new Turn();
  for (const { input, weights, output } of nodes) {
    throwIfAborted(signal, where);
    const channels = largest.get(input) ?? new Float32Array();
    const magnitudes = new Float32Array(channels.length);
    for (const name of weights) {
      const weight = { name, shape: shapes.get(name) ?? [] };
      for await (const [rows] of readPieces(where, program.store, weight, 'f32')) {
        await inTurns(columnMagnitudes(floatsOf(rows as Uint8Array), magnitudes), turn);
      }
    }
    equalizers.set(output, equalizerOf(channels, magnitudes));
  }
  return equalizers;
}

/** A batch of random tokens, each sequence between the special tokens that begin and end every text. */
export function drawnBatch(graph: EncoderGraph, special: Int32Array): TokenBatch {
  const length = Math.min(SEQUENCE_TOKENS, graph.maxTokens);
  const random = new SeededRandom(SEED);
  const ids = Int32Array.from({ length: SEQUENCES * length }, () => random.below(graph.vocabulary));
  for (let begin = 0; begin < ids.length; begin += length) {
    ids[begin] = special.at(0) ?? 0;
    ids[begin + length - 1] = special.at(-1) ?? 0;
  }
  const offsets = Int32Array.from({ length: SEQUENCES + 1 }, (_, i) => i * length);
  return { ids, offsets, segments: null };
}

/** The largest |x| in each channel of the given values, by name. A second program has these values as outputs. */
async function largestInputs(
  where: string,
  graph: EncoderGraph,
  program: NativeProgram,
  values: ReadonlySet<string>,
  batch: TokenBatch,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Float32Array>> {
  const shapes = validateGraph(graph);
  const tokens = (SEQUENCES_PER_RUN * batch.ids.length) / SEQUENCES;
  const widthOf = (name: string) => shapes.get(name)?.width ?? 0;
  const outputs: OutputBuffer[] = [...values].map((name) => ({
    name,
    data: new Float32Array(tokens * widthOf(name)),
  }));
  const found = new Map([...values].map((name) => [name, new Float32Array(widthOf(name))]));
  // Output names are a closed list for users only.
  const named = Object.fromEntries([...values].map((name) => [name as OutputName, name]));
  const offering = { ...graph, outputs: named };
  const copy = await programOver(offering, program.store, { trainable: false, where, signal });
  try {
    for (let begin = 0; begin < SEQUENCES; begin += SEQUENCES_PER_RUN) {
      const some = someTexts(batch, begin, begin + SEQUENCES_PER_RUN);
      await runJob(where, signal, (jobId) =>
        copy.run(some, outputs, { jobId, tokenBudget: TOKEN_BUDGET }),
      );
      const turn = new Turn();
      await turn.end();
      for (const { name, data } of outputs) {
        await inTurns(columnMagnitudes(data, found.get(name) ?? new Float32Array()), turn);
      }
    }
  } finally {
    copy.dispose();
  }
  return found;
}
