/**
 * Makes the candidates of a search: cuts a model to a shape, fits what stays by least squares, and trains it in rounds with the
 * original as its teacher.
 *
 * The rule: a candidate after a round is a stage of the journal, so it is never made twice, and only one is in memory.
 */

import { cutModel, type ModelCut } from '../../compress/cut-model.js';
import { reconstructLayers } from '../../compress/reconstruct.js';
import { quantizableWeights, quantizeGraph, storedBytes } from '../../graph/rewrite/quantize.js';
import type { EncoderGraph } from '../../graph/types.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import type { HiddenStatePair } from '../../train/distillation-options.js';
import type { Journal } from './journal.js';
import { saveParts } from './keep.js';
import type { CompressSettings } from './options.js';
import type { Shape } from './shapes.js';
import type { Subject } from './subject.js';

const WHERE = 'compress';

/** What all candidates are made from. */
export interface Workshop {
  readonly subject: Subject;
  /** The original, in f32, with the tokens that stay. */
  readonly teacher: ModelParts;
  readonly journal: Journal;
  readonly settings: CompressSettings;
}

/** A candidate after a round of training. */
export interface Trained {
  readonly shape: Shape;
  /** Name of its stage. */
  readonly stage: string;
  /** Passes over the rows, of all its rounds. */
  readonly epochs: number;
  /** On the rows by which candidates are compared, in f32. */
  readonly score: number;
  /** Of its weights in a file, in the final precision. */
  readonly bytes: number;
  /** Predicted, over the original in f32; null: not known. */
  readonly speedup: number | null;
}

/** The original with these layers alone; the caller frees it. The original itself where all stay. */
export async function withLayers(
  teacher: ModelParts,
  layers: readonly number[],
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  const gone = range(layerCount(teacher)).filter((layer) => !layers.includes(layer));
  if (gone.length === 0) return teacher;
  return cutOf(teacher, { layers: gone }, signal);
}

/** `base`, which has the layers of the shape, with the widths of the shape; the caller frees it. `base` itself where all stay. */
export async function narrowed(
  { subject, settings }: Workshop,
  base: ModelParts,
  shape: Shape,
): Promise<ModelParts> {
  const { signal } = settings;
  const cuts: ModelCut[] = [
    ...(shape.heads.length > 0 ? [{ heads: new Map(shape.heads) }] : []),
    ...(shape.neurons.length > 0 ? [{ neurons: new Map(shape.neurons) }] : []),
  ];
  let parts = base;
  const replace = async (work: (from: ModelParts) => Promise<ModelParts>) => {
    const from = parts;
    try {
      parts = await work(from);
    } finally {
      await release(from, base);
    }
  };
  for (const cut of cuts) await replace((from) => cutOf(from, cut, signal));
  if (parts === base) return base;
  const texts = subject.inputs.slice(0, FITTED_TEXTS);
  await replace((from) => reconstructed(from, base, texts, signal));
  return parts;
}

async function reconstructed(
  student: ModelParts,
  original: ModelParts,
  texts: readonly TextInput[],
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  const { parts } = await student.program.use(WHERE, (own) =>
    original.program.use(WHERE, (program) =>
      reconstructLayers(
        WHERE,
        { parts: student, program: own },
        { parts: original, program },
        { texts, ...(signal && { signal }) },
      ),
    ),
  );
  return parts;
}

/** Texts on which what stays is fitted: some ten thousand tokens for a few hundred unknowns per output. */
export const FITTED_TEXTS = 1024;

function cutOf(
  parts: ModelParts,
  cut: ModelCut,
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  return parts.program.use(WHERE, (program) => cutModel(WHERE, parts, program, cut, signal));
}

/** Frees parts unless they are `kept`. */
export async function release(parts: ModelParts, kept: ModelParts): Promise<void> {
  if (parts !== kept) await parts.program.retire();
}

/** The graph with int8 weights where they may be. */
export function inInt8(graph: EncoderGraph): EncoderGraph {
  return quantizeGraph(graph, quantizableWeights(graph, { embeddings: true }), 8);
}

/** Bytes of the weights in a file. */
export function bytesOf({ weights }: EncoderGraph): number {
  return weights.reduce((sum, weight) => sum + storedBytes(weight), 0);
}

/** A round of training for a candidate, from the stage before or from its cut form. */
export interface Round {
  readonly shape: Shape;
  readonly stage: string;
  /** The stage that it goes on from; null: `start` gives the untrained form. */
  readonly from: Trained | null;
  readonly start: () => Promise<ModelParts>;
  /** Score of the untrained form. */
  readonly startScore: number;
  readonly epochs: number;
  readonly speedup: number | null;
}

/** Trains a candidate for a round; its model is in the journal under `stage`. */
export async function trainRound(workshop: Workshop, round: Round): Promise<Trained> {
  const { subject, journal, settings } = workshop;
  const { shape, stage, from, epochs, speedup } = round;
  const { methods } = settings;
  const found = await journal.model(stage, {
    make: (checkpoints) => trainedForm(workshop, round, checkpoints),
    save: saveParts,
    load: (folder) => subject.load(folder),
  });
  await found.model.program.retire();
  const passes = methods.has('distil') ? (from?.epochs ?? 0) + epochs : 0;
  return { shape, stage, epochs: passes, speedup, ...found.found };
}

/** What a round makes: the trained form, or the one before the round where the training has lowered the score. */
async function trainedForm(
  { subject, teacher, journal, settings }: Workshop,
  round: Round,
  checkpoints: string,
) {
  const { learningRate, batchSize, seed, signal, methods } = settings;
  const { shape, from, epochs } = round;
  const begin = () => (from === null ? round.start() : subject.load(journal.pathOf(from.stage)));
  const before = from?.score ?? round.startScore;
  const made = (parts: ModelParts, score: number) => {
    const bytes = bytesOf(methods.has('quantize') ? inInt8(parts.graph) : parts.graph);
    return { model: parts, found: { score, bytes } };
  };
  if (!methods.has('distil') || epochs === 0) return made(await begin(), before);
  const parts = await subject.recover(await begin(), {
    ...{ teacher, epochs, learningRate, batchSize, seed, checkpoints, signal },
    hiddenStates: hiddenPairs(shape.layers, layerCount(teacher)),
  });
  const score = (await subject.measure(parts, 'choice', signal)).scoreOf();
  if (score >= before) return made(parts, score);
  await parts.program.retire();
  return made(await begin(), before);
}

/**
 * The output of a layer that stays learns what the next layer that stays read in the teacher; the last one, the teacher's last
 * output. So each layer stands in for those that went after it.
 */
export function hiddenPairs(layers: readonly number[], count: number): readonly HiddenStatePair[] {
  return layers.map((_, i) => ({ student: i + 1, teacher: layers[i + 1] ?? count }));
}

export function layerCount({ graph }: ModelParts): number {
  return graph.nodes.filter(({ op }) => op === 'attention').length;
}

export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
