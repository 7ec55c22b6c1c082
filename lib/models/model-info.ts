/**
 * What a model says about itself; all numbers are read off the graph and the program.
 */

import type {
  ClassificationProblem,
  SentenceModule,
  SimilarityName,
  Task,
} from '../graph/checkpoint.js';
import {
  activationBitsOf,
  elementsOf,
  isQuantized,
  parametersOf,
  storedBytes,
} from '../graph/rewrite/quantize.js';
import { isNormalized } from '../graph/sentence.js';
import type { ActivationBits, PoolKind, WeightSpec } from '../graph/types.js';
import { type IsaName, type NativeProgram, native } from '../native/native.js';
import { outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';

export interface ModelInfo {
  readonly task: Task;
  readonly architecture: string;
  /** Numbers in all weights. */
  readonly parameters: number;
  readonly layers: number;
  /** Width of a token vector. */
  readonly hidden: number;
  readonly vocabulary: number;
  readonly maxTokens: number;
  /** Classification and token classification: in the order of the logits. */
  readonly labels: readonly string[] | null;
  /** Classification: what the logits are. */
  readonly problem: ClassificationProblem | null;
  /** Embedding: how token vectors become one (several: side by side), the steps after it, and whether it has length 1. */
  readonly pooling: readonly PoolKind[] | null;
  readonly modules: readonly SentenceModule['kind'][];
  readonly normalized: boolean;
  /** Embedding: numbers of a vector; null for other models. */
  readonly dimensions: number | null;
  /** Embedding: what vectors are to be compared by; null for other models. */
  readonly similarityFnName: SimilarityName | null;
  /** Embedding and cross-encoders: names of the prompts, and of the one that is used without being asked for. */
  readonly prompts: readonly string[];
  readonly defaultPrompt: string | null;
  /** Keys of config_sentence_transformers.json that neither sentence-transformers nor Sinter knows: they change nothing. */
  readonly ignoredSettings: readonly string[];
  /** What the last training used: options, the model it began with, versions. null where nothing is known. */
  readonly training: Readonly<Record<string, unknown>> | null;
  /** Weights of a head that was drawn at random and never trained: what it says is chance. Empty for a trained model. */
  readonly untrained: readonly string[];
  /** Tensors of the model's files that it does not use: heads for other tasks, buffers. */
  readonly unused: readonly string[];
  /** What loading took for something that the files do not say in so many words. */
  readonly notes: readonly string[];
  readonly quantized: boolean;
  /** Width of the activation codes at products in int8; null without such. */
  readonly activationBits: ActivationBits | null;
  /** Size of the weights in a file. */
  readonly storedBytes: number;
  /** Memory that the weights take here, packed forms included. */
  readonly residentBytes: number;
  /** Instruction set of the kernels that run. */
  readonly isa: IsaName;
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
    pooling: sentence?.pooling ?? null,
    modules: (sentence?.modules ?? []).map(({ kind }) => kind),
    normalized: sentence !== null && isNormalized(sentence) && kept === width,
    dimensions: embeds ? kept : null,
    similarityFnName: embeds ? (sentence?.similarityFnName ?? 'cosine') : null,
    prompts: Object.keys(sentence?.prompts ?? {}),
    defaultPrompt: sentence?.defaultPrompt ?? null,
    ignoredSettings: sentence?.ignored ?? [],
    training: parts.training,
    ...parts.origin,
    quantized: isQuantized(graph),
    activationBits: activationBitsOf(graph),
    storedBytes: sum(graph.weights, storedBytes),
    residentBytes: program.residentBytes(),
    isa: binding.isa().active,
    lanes: binding.lanes(),
  };
}
