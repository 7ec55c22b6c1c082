/**
 * Trains only the head of a model: the encoder computes the vector of each text once, and the steps run over those vectors.
 *
 * The encoder runs as in inference, without dropout; its weights stay as they are, in the memory that they have.
 */

import { SinterError } from '../core/errors.js';
import { splitAtFeatures } from '../graph/rewrite/features.js';
import { withFloatWeights } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import { outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram, floatsOf, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { Checkpoints } from './checkpoints.js';
import { Corpus } from './corpus.js';
import { corpusOutput } from './corpus-logits.js';
import { runTraining } from './train-loop.js';
import type { TrainedParts, TrainPlan, TrainRequest } from './train-model.js';

const WHERE = 'train';

/** As `trainParts`, for the head alone. Throws UNSUPPORTED_MODEL for a head that reads more than a vector of each text. */
export async function trainHeadParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  { settings, hooks, saving, signal }: TrainRequest<S>,
): Promise<TrainedParts<S>> {
  const split = splitAtFeatures(parts.graph);
  const texts = textsOf(plan);
  if (split === null || texts === null) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${WHERE}: method must be 'full', 'lora', 'ia3' or 'bottleneck' for this model: its head reads more than one vector of each text`,
    );
  }
  const options = { where: WHERE, signal } as const;
  const { corpus, held } = await featured(split.encoder, current, texts, options);
  const graph = withFloatWeights(split.head);
  const trainable = await deriveProgram(graph, current.store, { trainable: true, ...options });
  try {
    const { objective, evaluate: score, truncated } = plan;
    const evaluate =
      score === undefined || held === undefined
        ? undefined
        : () => score(trainable, { graph, corpus: held });
    const checkpoints = saving && new Checkpoints(saving);
    const all = { ...hooks, evaluate, signal, checkpoints, held, classes: plan.classes };
    const report = await runTraining<S>(trainable, graph, corpus, objective, settings, all);
    const trained = await withHead(parts.graph, graph, current, trainable, options);
    return { ...trained, report: { ...report, truncated } };
  } finally {
    disposeProgram(trainable);
  }
}

interface CallOptions {
  readonly where: string;
  readonly signal: AbortSignal;
}

interface Texts {
  readonly corpus: Corpus;
  readonly held: Corpus | undefined;
}

/** The rows of a plan; null where a row has several texts. */
function textsOf({ corpus, held }: Pick<TrainPlan<unknown>, 'corpus' | 'held'>): Texts | null {
  if (!(corpus instanceof Corpus)) return null;
  if (held === undefined || held instanceof Corpus) return { corpus, held };
  return null;
}

/** The rows with the vector of each text in place of its tokens. */
async function featured(
  encoder: EncoderGraph,
  current: NativeProgram,
  { corpus, held }: Texts,
  options: CallOptions,
): Promise<Texts> {
  const program = await deriveProgram(encoder, current.store, { trainable: false, ...options });
  const of = async (texts: Corpus) => {
    const width = outputWidth(encoder, 'embedding');
    const { data } = await corpusOutput(program, encoder, texts, 'embedding', options);
    return Corpus.ofFeatures(data, width, texts.targets);
  };
  try {
    return { corpus: await of(corpus), held: held && (await of(held)) };
  } finally {
    disposeProgram(program);
  }
}

/** The program of the whole model with the weights of the trained head. */
async function withHead(
  whole: EncoderGraph,
  head: EncoderGraph,
  current: NativeProgram,
  trained: NativeProgram,
  options: CallOptions,
): Promise<{ graph: EncoderGraph; program: SharedProgram }> {
  const written = new Map<string, Float32Array>();
  for (const weight of head.weights) {
    const [bytes] = await readWhole(options.where, trained.store, weight, 'f32');
    written.set(weight.name, floatsOf(bytes as Uint8Array));
  }
  const weights = whole.weights.map(
    (weight) => head.weights.find(({ name }) => name === weight.name) ?? weight,
  );
  const graph = { ...whole, weights };
  const settings = { trainable: false, ...options };
  const program = await deriveProgram(graph, current.store, settings, { written });
  return { graph, program: new SharedProgram(program) };
}
