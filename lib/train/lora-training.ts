/**
 * Trains low-rank adapters and the head of a model, and merges them into its weights: W + scale * B A.
 *
 * The matrices of the encoder are frozen: they have no gradient, no state of an optimizer and no copy.
 */

import { mergeAdapter } from '../adapters/merge.js';
import { SeededRandom } from '../core/random.js';
import type { FloatTensor } from '../core/tensor.js';
import type { LoraSettings } from '../graph/adapter-options.js';
import { withLora } from '../graph/rewrite/lora.js';
import { shapeOf, withFloats } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram, NativeStore } from '../native/native.js';
import type { Adapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram, floatsOf, readWhole } from '../runtime/program.js';
import { Checkpoints } from './checkpoints.js';
import { type LoraPlan, loraPlan } from './lora-plan.js';
import { runTraining } from './train-loop.js';
import type { TrainedParts, TrainPlan, TrainRequest } from './train-model.js';

const WHERE = 'train';

/** As `trainParts`, with adapters. The report's model is the merged one; `adapter` is what was trained. */
export async function trainLoraParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  { settings, hooks, saving, signal }: TrainRequest<S>,
  lora: LoraSettings,
): Promise<TrainedParts<S> & { readonly adapter: Adapter }> {
  const chosen = loraPlan(WHERE, parts.graph, parts.plans, lora);
  const graph = withFloats(withLora(parts.graph, chosen.adapters, lora.dropout), chosen.whole);
  const fresh = drawAdapters(graph, chosen.adapters, settings.seed);
  const trained = [...fresh.keys(), ...chosen.whole];
  const options = { where: WHERE, signal } as const;
  const program = await deriveProgram(
    graph,
    current.store,
    { trainable: trained, ...options },
    { written: fresh },
  );
  try {
    const { corpus, held, objective, evaluate: score, truncated } = plan;
    const evaluate = score && held && (() => score(program, { graph, corpus: held }));
    const checkpoints = saving && new Checkpoints(saving);
    const all = { ...hooks, evaluate, signal, checkpoints, held, classes: plan.classes };
    const changing = {
      ...graph,
      weights: graph.weights.filter(({ name }) => trained.includes(name)),
    };
    // A checkpoint of other adapters is of another training.
    const own = { ...settings, lora };
    const report = await runTraining<S>(program, changing, corpus, objective, own, all);
    const tensors = await readTensors(program.store, graph, trained);
    const adapter: Adapter = {
      settings: lora,
      tensors,
      matrices: chosen.adapters,
      whole: chosen.whole,
    };
    const merged = await mergeAdapter(parts, current, adapter, options);
    return { ...merged, report: { ...report, truncated: corpus.truncated ?? truncated }, adapter };
  } finally {
    disposeProgram(program);
  }
}

/** New adapters as PEFT draws them: A uniform within 1 / sqrt(inputs) (Kaiming with a = sqrt 5), B zero. */
function drawAdapters(
  graph: EncoderGraph,
  adapters: LoraPlan['adapters'],
  seed: number,
): Map<string, Float32Array> {
  const random = new SeededRandom(seed);
  const written = new Map<string, Float32Array>();
  for (const { a, b, weight, rank } of adapters) {
    const [outputs = 0, inputs = 0] = shapeOf(graph, weight);
    const bound = 1 / Math.sqrt(inputs);
    const uniform = () => (random.next() / 2 ** 31 - 1) * bound;
    written.set(a, Float32Array.from({ length: rank * inputs }, uniform));
    written.set(b, new Float32Array(outputs * rank));
  }
  return written;
}

async function readTensors(
  store: NativeStore,
  graph: EncoderGraph,
  names: readonly string[],
): Promise<Map<string, FloatTensor>> {
  const tensors = new Map<string, FloatTensor>();
  for (const name of names) {
    const shape = shapeOf(graph, name);
    const [bytes] = await readWhole(WHERE, store, { name, shape }, 'f32');
    tensors.set(name, { shape, data: floatsOf(bytes as Uint8Array) });
  }
  return tensors;
}
