/** The options of distillation beyond logits: what of a teacher a student learns, and how much each part counts. */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';

/**
 * Pairs of the queries, keys and values of a layer whose relations are compared: `qq`, `kk` and `vv` are MiniLMv2, `qk` and `vv`
 * the first MiniLM.
 */
export const RELATION_KINDS = ['qq', 'kk', 'vv', 'qk'] as const;

/** Name of a relation. */
export type RelationKind = (typeof RELATION_KINDS)[number];

/** A hidden state of the student that learns one of the teacher. 0 is the embedding output, n the output of layer n. */
export interface HiddenStatePair {
  readonly student: number;
  readonly teacher: number;
  /** Default: 1. */
  readonly weight?: number;
}

/** The relations of one layer that the student learns (Wang et al. 2020 and 2021, MiniLM). */
export interface RelationOptions {
  /** Default: `qq`, `kk` and `vv`. */
  readonly kinds?: readonly RelationKind[];
  /** Layer of the student, counted from 0. Default: its last. */
  readonly student?: number;
  /** Layer of the teacher, counted from 0. Default: its last. */
  readonly teacher?: number;
  /** Heads that both widths are cut into, whatever heads the layers have. Default: the heads of the teacher's layer. */
  readonly relationHeads?: number;
  /**
   * `text` (default): the mean over the texts of what is divided by heads * tokens of the text; `token`: the sum over all texts,
   * divided by heads * all tokens.
   */
  readonly mean?: 'text' | 'token';
  /** Weight of each kind. Default: 1. */
  readonly weight?: number;
}

/** How vectors of texts are compared with the teacher's. */
export interface EmbeddingDistillation {
  /** cosine (default): 1 - cosine. mse: mean squared error. */
  readonly loss?: 'cosine' | 'mse';
  /** Default: 1. */
  readonly weight?: number;
}

/** What every student may learn from the inside of a teacher. Both are of any number of layers and any width. */
export interface InnerDistillation {
  /**
   * Mean squared error of hidden states over all tokens. Where the widths differ, the student's go through a matrix and a bias
   * that are trained too and are gone after the training.
   */
  readonly hiddenStates?: readonly HiddenStatePair[];
  /** true: with all defaults. */
  readonly relations?: RelationOptions | true;
}

export interface DistillationSettings {
  readonly hiddenStates: readonly Required<HiddenStatePair>[];
  readonly relations: RelationSettings | null;
  readonly embeddings: Required<EmbeddingDistillation> | null;
  readonly logits: LogitSettings | null;
}

/** How logits over tokens are learned; for whole texts they are targets of the rows. */
export interface LogitSettings {
  /** Share of the teacher in the loss; the terms of the task have the rest. */
  readonly alpha: number;
  readonly temperature: number;
  /** The teacher's column for each of the student's. */
  readonly order: readonly number[];
  /** `tokens`: each column is a softmax over the tokens of a text. Left out: the columns of each token are one. */
  readonly over?: 'tokens';
}

/** Layers and heads are null where the graphs decide. */
export interface RelationSettings {
  readonly kinds: readonly RelationKind[];
  readonly student: number | null;
  readonly teacher: number | null;
  readonly relationHeads: number | null;
  readonly mean: 'text' | 'token';
  readonly weight: number;
}

/** Whether a teacher's own numbers are needed in every step. */
export function readsInside(settings: DistillationSettings): boolean {
  const { hiddenStates, relations, logits } = settings;
  return hiddenStates.length > 0 || relations !== null || logits !== null;
}

/** Checks the part of the options that is about terms. Throws TypeError or RangeError that names the option. */
export function readDistillation(
  where: string,
  options: InnerDistillation & { readonly embeddings?: EmbeddingDistillation | true },
  logits: LogitSettings | null = null,
): DistillationSettings {
  const { hiddenStates = [], relations, embeddings } = options;
  if (!Array.isArray(hiddenStates))
    throw typeMistake(`${where}: hiddenStates`, 'an array of { student, teacher }', hiddenStates);
  return {
    hiddenStates: hiddenStates.map((pair, i) => readPair(`${where}: hiddenStates[${i}]`, pair)),
    logits,
    relations: relations === undefined ? null : readRelations(`${where}: relations`, relations),
    embeddings:
      embeddings === undefined ? null : readEmbeddings(`${where}: embeddings`, embeddings),
  };
}

function readPair(where: string, pair: HiddenStatePair): Required<HiddenStatePair> {
  const read = readOptions<HiddenStatePair>(where, pair, {
    student: true,
    teacher: true,
    weight: true,
  });
  const [student, teacher] = [
    read.count('student', undefined, 0),
    read.count('teacher', undefined, 0),
  ];
  if (student === undefined || teacher === undefined)
    throw typeMistake(where, 'numbers of hidden states, student and teacher', pair);
  return { student, teacher, weight: read.positive('weight', 1) };
}

function readRelations(where: string, given: RelationOptions | true): RelationSettings {
  const options = given === true ? {} : given;
  const read = readOptions<RelationOptions>(where, options, {
    ...{ kinds: true, student: true, teacher: true },
    ...{ relationHeads: true, mean: true, weight: true },
  } as never);
  const { kinds = ['qq', 'kk', 'vv'] } = options;
  const isKnown = (kind: unknown) => (RELATION_KINDS as readonly unknown[]).includes(kind);
  if (!Array.isArray(kinds) || kinds.length === 0 || !kinds.every(isKnown))
    throw rangeMistake(`${where}: kinds`, `a list of ${RELATION_KINDS.join(', ')}`, kinds);
  return {
    kinds: [...new Set(kinds)],
    student: read.count('student', undefined, 0) ?? null,
    teacher: read.count('teacher', undefined, 0) ?? null,
    relationHeads: read.count('relationHeads', undefined) ?? null,
    mean: read.choice('mean', 'text', ['text', 'token']),
    weight: read.positive('weight', 1),
  };
}

function readEmbeddings(
  where: string,
  given: EmbeddingDistillation | true,
): Required<EmbeddingDistillation> {
  const options = given === true ? {} : given;
  const read = readOptions<EmbeddingDistillation>(where, options, { loss: true, weight: true });
  return {
    loss: read.choice('loss', 'cosine', ['cosine', 'mse']),
    weight: read.positive('weight', 1),
  };
}
