/**
 * Trains adapters and the head of a model. At the end LoRA and IA3 are merged into its weights, and bottleneck adapters stay in
 * its graph.
 *
 * The weights of the encoder are frozen: they have no gradient, no state of an optimizer and no copy.
 */

import { graphBeside, runBeside } from '../adapters/beside.js';
import { mergeAdapter } from '../adapters/merge.js';
import { readFloats } from '../adapters/read-floats.js';
import type { FloatTensor } from '../core/tensor.js';
import { shapeOf } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram, NativeStore } from '../native/program.js';
import type { Adapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram } from '../runtime/program.js';
import { type AdapterChoice, newAdapter } from './adapter-plan.js';
import { Checkpoints } from './checkpoints.js';
import { runTraining } from './train-loop.js';
import type { TrainedParts, TrainPlan, TrainRequest } from './train-model.js';

const WHERE = 'train';

/** As `trainParts`, with adapters. `adapter` is what was trained. */
export async function trainAdapterParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  { settings, hooks, saving, signal }: TrainRequest<S>,
  choice: AdapterChoice,
): Promise<TrainedParts<S> & { readonly adapter: Adapter }> {
  const fresh = newAdapter(WHERE, parts, choice, settings.seed);
  const dropout = choice.method === 'lora' ? choice.settings.dropout : 0;
  const graph = graphBeside(parts.graph, fresh, dropout);
  const written = new Map([...fresh.tensors].map(([name, { data }]) => [name, data]));
  const trained = [...written.keys(), ...fresh.whole];
  const options = { where: WHERE, signal } as const;
  const kinds = { trainable: trained, ...options };
  const program = await deriveProgram(graph, current.store, kinds, { written });
  const trainedAdapter = async () => {
    const { corpus, held, objective, evaluate: score, truncated } = plan;
    const evaluate = score && held && (() => score(program, { graph, corpus: held }));
    const checkpoints = saving && new Checkpoints(saving);
    const all = { ...hooks, evaluate, signal, checkpoints, held, classes: plan.classes };
    const changing = {
      ...graph,
      weights: graph.weights.filter(({ name }) => trained.includes(name)),
    };
    // A checkpoint of other adapters is of another training.
    const own = { ...settings, [choice.method]: choice.settings };
    const report = await runTraining<S>(program, changing, corpus, objective, own, all);
    const tensors = await readTensors(program.store, graph, trained, fresh);
    return {
      adapter: { ...fresh, tensors },
      report: { ...report, truncated: corpus.truncated ?? truncated },
    };
  };
  // The training's memory is freed before the merged weights take theirs.
  const { adapter, report } = await trainedAdapter().finally(() => disposeProgram(program));
  const made =
    adapter.kind === 'bottleneck'
      ? await runBeside(parts.graph, current, adapter, options)
      : await mergeAdapter(parts, current, adapter, options);
  return { ...made, report, adapter };
}

/** The trained tensors, in the shapes of their files. */
async function readTensors(
  store: NativeStore,
  graph: EncoderGraph,
  names: readonly string[],
  fresh: Adapter,
): Promise<Map<string, FloatTensor>> {
  const tensors = new Map<string, FloatTensor>();
  for (const name of names) {
    const shape = fresh.tensors.get(name)?.shape ?? shapeOf(graph, name);
    tensors.set(name, { shape, data: await readFloats(WHERE, graph, store, name) });
  }
  return tensors;
}
