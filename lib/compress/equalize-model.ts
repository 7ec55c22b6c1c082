/**
 * Finds the equalizers of a model: runs it on random tokens and measures which channels are large.
 *
 * The large channels are a property of the model, not of the texts: random tokens give the same accuracy as real texts
 * (docs/decisions.md), so the caller needs no texts. The same model gets the same equalizers on every machine.
 */

import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import { columnMagnitudes, equalizableNodes, equalizerOf } from '../graph/rewrite/equalize.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, OutputBuffer, TokenBatch } from '../native/native.js';
import { TOKEN_BUDGET } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { programOver, rowPieces } from '../runtime/program.js';

const SEQUENCES = 16;
const SEQUENCE_TOKENS = 32;
const SEED = 16;

/**
 * The equalizer of every product that takes one, by the name of the product's output. `program` is the f32 program of the
 * parts.
 */
export async function modelEqualizers(
  where: string,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Float32Array>> {
  const nodes = equalizableNodes(graph);
  const { ids } = await tokenizer.encodeWithOffsets('');
  const inputs = new Set(nodes.map((node) => node.input));
  const batch = drawnBatch(graph, ids);
  const largest = await largestInputs(where, graph, program, inputs, batch, signal);
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const equalizers = new Map<string, Float32Array>();
  for (const { input, weights, output } of nodes) {
    throwIfAborted(signal, where);
    const channels = largest.get(input) ?? new Float32Array();
    const magnitudes = new Float32Array(channels.length);
    for (const name of weights) {
      for (const [begin, end] of rowPieces(shapes.get(name) ?? [])) {
        columnMagnitudes(program.store.readWeight(name, begin, end), magnitudes);
        await setImmediate();
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
  const outputs: OutputBuffer[] = [...values].map((name) => ({
    name,
    data: new Float32Array(batch.ids.length * (shapes.get(name)?.width ?? 0)),
  }));
  // The cast is safe: the closed list of output names is only for users.
  const named = Object.fromEntries([...values].map((name) => [name as OutputName, name]));
  const offering = { ...graph, outputs: named };
  const copy = await programOver(offering, program.store, { trainable: false, where, signal });
  try {
    await runJob(where, signal, (jobId) =>
      copy.run(batch, outputs, { jobId, tokenBudget: TOKEN_BUDGET }),
    );
  } finally {
    copy.dispose();
  }
  return new Map(
    outputs.map(({ name, data }) => {
      const largest = new Float32Array(data.length / batch.ids.length);
      columnMagnitudes(data, largest);
      return [name, largest];
    }),
  );
}
