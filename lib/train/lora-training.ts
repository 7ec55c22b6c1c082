/**
 * Trains low-rank adapters and the head of a model, and merges them into its weights: W + scale * B A.
 *
 * The matrices of the encoder are frozen: they have no gradient, no state of an optimizer and no copy.
 */

import { SinterError } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import { Turn } from '../core/turns.js';
import { type LoraMatrix, withLora } from '../graph/rewrite/lora.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram, NativeStore } from '../native/native.js';
import type { Adapter, AdapterTensor } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram, floatsOf, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { Checkpoints } from './checkpoints.js';
import type { LoraSettings } from './lora-options.js';
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
    return { ...merged, report: { ...report, truncated }, adapter };
  } finally {
    disposeProgram(program);
  }
}

/** The graph and program of a model with an adapter in its weights. */
export async function mergeAdapter(
  { graph }: Pick<ModelParts, 'graph'>,
  current: NativeProgram,
  { matrices, whole, tensors }: Pick<Adapter, 'matrices' | 'whole' | 'tensors'>,
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<{ readonly graph: EncoderGraph; readonly program: SharedProgram }> {
  const written = new Map<string, Float32Array>();
  const turn = new Turn();
  for (const matrix of matrices) {
    const spec = { name: matrix.weight, shape: shapeOf(graph, matrix.weight) };
    const [bytes] = await readWhole(options.where, current.store, spec, 'f32');
    const sum = floatsOf(bytes as Uint8Array);
    const [a, b] = [dataOf(tensors, matrix.a), dataOf(tensors, matrix.b)];
    await addProduct(sum, a, b, matrix, turn);
    written.set(matrix.weight, sum);
  }
  for (const name of whole) written.set(name, dataOf(tensors, name));
  const merged = withFloats(graph, [...written.keys()]);
  const settings = { trainable: false, ...options };
  const program = await deriveProgram(merged, current.store, settings, { written });
  return { graph: merged, program: new SharedProgram(program) };
}

/** sum += scale * B A, each element rounded once. */
async function addProduct(
  sum: Float32Array,
  a: Float32Array,
  b: Float32Array,
  { rank, scale }: LoraMatrix,
  turn: Turn,
): Promise<void> {
  const inputs = a.length / rank;
  const row = new Float64Array(inputs);
  for (let o = 0; o * inputs < sum.length; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = b[o * rank + r] ?? 0;
      for (let i = 0; i < inputs; i++) row[i] = (row[i] ?? 0) + factor * (a[r * inputs + i] ?? 0);
    }
    const at = o * inputs;
    for (let i = 0; i < inputs; i++) sum[at + i] = (sum[at + i] ?? 0) + scale * (row[i] ?? 0);
    if (turn.isOver) await turn.end();
  }
}

/** `graph` with these weights as f32. */
function withFloats(graph: EncoderGraph, names: readonly string[]): EncoderGraph {
  const floats = new Set(names);
  const weights = graph.weights.map((weight) =>
    floats.has(weight.name) ? { ...weight, dtype: 'f32' as const } : weight,
  );
  return { ...graph, weights };
}

function shapeOf(graph: EncoderGraph, name: string): readonly number[] {
  const found = graph.weights.find((weight) => weight.name === name);
  if (found !== undefined) return found.shape;
  throw new SinterError('INTERNAL', `the graph has no weight ${name}`);
}

function dataOf(tensors: ReadonlyMap<string, AdapterTensor>, name: string): Float32Array {
  const found = tensors.get(name);
  if (found !== undefined) return found.data;
  throw new SinterError('INTERNAL', `the adapter has no tensor ${name}`);
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
): Promise<Map<string, AdapterTensor>> {
  const tensors = new Map<string, AdapterTensor>();
  for (const name of names) {
    const shape = shapeOf(graph, name);
    const [bytes] = await readWhole(WHERE, store, { name, shape }, 'f32');
    tensors.set(name, { shape, data: floatsOf(bytes as Uint8Array) });
  }
  return tensors;
}
