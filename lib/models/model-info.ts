/** Information about a model; all numbers are computed from the graph and the program. */

import type {
  ClassificationProblem,
  SentenceModule,
  SimilarityName,
  Task,
} from '../graph/checkpoint.js';
import { classifierSettings } from '../graph/classifier-settings.js';
import {
  activationBitsOf,
  elementsOf,
  isQuantized,
  parametersOf,
  storedBytes,
} from '../graph/rewrite/quantize.js';
import { isNormalized } from '../graph/sentence.js';
import type { ActivationBits, PoolKind, WeightSpec } from '../graph/types.js';
import { native } from '../native/native.js';
import type { IsaName, NativeProgram } from '../native/program.js';
import { outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';

/** What a model is, as `info()` tells it. */
export interface ModelInfo {
  /** What the model is for. */
  readonly task: Task;
  /** `model_type` of the family. */
  readonly architecture: string;
  /** Numbers in all weights. */
  readonly parameters: number;
  /** Number of transformer layers. */
  readonly layers: number;
  /** Width of a token vector. */
  readonly hidden: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Longest text in tokens, special tokens included. */
  readonly maxTokens: number;
  /** Classification and token classification: labels in the order of the logits. */
  readonly labels: readonly string[] | null;
  /** Classification: the kind of problem. */
  readonly problem: ClassificationProblem | null;
  /** Classification: what `calibrate` has divided the logits by since the training; 1 if nothing; null for other models. */
  readonly temperature: number | null;
  /** Classification: the thresholds that `fitThresholds` found, by label; null without. */
  readonly thresholds: Readonly<Record<string, number>> | null;
  /**
   * Embedding: how token vectors become one (the vectors of several poolings are concatenated), the steps after it, and
   * whether the result has length 1.
   */
  readonly pooling: readonly PoolKind[] | null;
  readonly modules: readonly SentenceModule['kind'][];
  readonly normalized: boolean;
  /** Embedding: length of a vector; null for other models. */
  readonly dimensions: number | null;
  /** Embedding: the similarity that the vectors were trained for; null for other models. */
  readonly similarityFnName: SimilarityName | null;
  /** Embedding and cross-encoders: names of the prompts, and of the default one. */
  readonly prompts: readonly string[];
  readonly defaultPrompt: string | null;
  /** Keys of config_sentence_transformers.json that neither sentence-transformers nor Sinter knows: they have no effect. */
  readonly ignoredSettings: readonly string[];
  /** Record of the last training: options, the model it began with, versions. null if unknown. */
  readonly training: Readonly<Record<string, unknown>> | null;
  /** Record of the compression that made the model: what was wanted, done and lost. null if there was none. */
  readonly compression: Readonly<Record<string, unknown>> | null;
  /**
   * Weights of a head that were initialised at random and never trained: its results are meaningless. Empty for a trained
   * model.
   */
  readonly untrained: readonly string[];
  /** Tensors of the model's files that it does not use: heads for other tasks, buffers. */
  readonly unused: readonly string[];
  /** Assumptions that loading made where the files are not explicit. */
  readonly notes: readonly string[];
  /** Whether weights are int8. */
  readonly quantized: boolean;
  /** Bits of the activation codes at int8 products; null if there are none. */
  readonly activationBits: ActivationBits | null;
  /** Bytes of the weights in a file. */
  readonly storedBytes: number;
  /** Bytes of the weights in memory, packed forms included. */
  readonly residentBytes: number;
  /** Instruction set that the kernels use. */
  readonly isa: IsaName;
  /** Threads that compute. */
  readonly lanes: number;
}

export function modelInfo(parts: ModelParts, program: NativeProgram): ModelInfo {
  const { graph, head, sentence } = parts;
  const binding = native();
  const embeds = graph.outputs.embedding !== undefined;
  const width = embeds ? outputWidth(graph, 'embedding') : 0;
  const kept = Math.min(width, sentence?.truncateDim ?? width);
  const sum = (weights: readonly WeightSpec[], of: typeof storedBytes) =>
    weights.reduce((total, weight) => total + of(weight), 0);
  return {
    task: head.task,
    architecture: graph.architecture,
    parameters: sum(parametersOf(graph), elementsOf),
    layers: graph.nodes.filter(({ op }) => op === 'attention').length,
    hidden: outputWidth(graph, 'hidden'),
    vocabulary: graph.vocabulary,
    maxTokens: graph.maxTokens,
    labels: head.labels,
    problem: head.problem,
    ...fittedTo(parts),
    pooling: sentence?.pooling ?? null,
    modules: (sentence?.modules ?? []).map(({ kind }) => kind),
    normalized: sentence !== null && isNormalized(sentence) && kept === width,
    dimensions: embeds ? kept : null,
    similarityFnName: embeds ? (sentence?.similarityFnName ?? 'cosine') : null,
    prompts: Object.keys(sentence?.prompts ?? {}),
    defaultPrompt: sentence?.defaultPrompt ?? null,
    ignoredSettings: sentence?.ignored ?? [],
    training: parts.training,
    compression: parts.compression ?? null,
    ...parts.origin,
    quantized: isQuantized(graph),
    activationBits: activationBitsOf(graph),
    storedBytes: sum(graph.weights, storedBytes),
    residentBytes: program.residentBytes(),
    isa: binding.isa().active,
    lanes: binding.lanes(),
  };
}

function fittedTo({
  config,
  head,
  path,
}: ModelParts): Pick<ModelInfo, 'temperature' | 'thresholds'> {
  const { task, labels, problem } = head;
  if (task !== 'classification' || labels === null) return { temperature: null, thresholds: null };
  const { temperature, thresholds } = classifierSettings(config, labels.length, path);
  const isMany = thresholds !== null && problem === 'multi_label_classification';
  return {
    temperature,
    thresholds: isMany
      ? Object.fromEntries(labels.map((label, i) => [label, thresholds[i] ?? Number.NaN]))
      : null,
  };
}
