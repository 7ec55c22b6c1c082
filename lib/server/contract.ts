/**
 * What the parts of the server know of each other: a served model as the routes see it, and what a finished request tells the
 * observers.
 *
 * The rule: routes translate HTTP into calls of a `ServedModel` and back; they know no batcher, no file and no key.
 */
import type { Priority } from '../core/priority.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import type { Candidate } from '../models/masked-lm.js';
import type { Answer } from '../tasks/question-answering/answer-spans.js';
import type { Aggregation, Entity } from '../tasks/token-classification/entities.js';

/** What a model does, with the names of its routes. */
export type ServedTask = 'embed' | 'classify' | 'tag' | 'answer' | 'rerank' | 'fill-mask';

/** A text, a pair of texts, or the ids of tokens as the model's tokenizer has them (special tokens included). */
export type ModelInput = string | readonly [string, string] | readonly number[];

/** Which end of a text over the limit goes. */
export type TruncationDirection = 'right' | 'left';

/** How texts over the limit are taken. */
export interface LengthOptions {
  /** false: a text over the limit throws a RangeError. */
  readonly truncate: boolean;
  readonly truncationDirection: TruncationDirection;
}

export interface EmbedRequest extends LengthOptions {
  /** A prompt of the model to put in front of each text. */
  readonly promptName?: string;
  /** Leading numbers to keep of each vector. */
  readonly dimensions?: number;
  /** true: vectors of length 1. false: as the model's pooling gives them. Left out: as the model's files say. */
  readonly normalize?: boolean;
}

export interface AnswerRequest {
  readonly topK?: number;
  readonly maxAnswerTokens?: number;
  readonly docStride?: number;
  readonly allowNoAnswer?: boolean;
}

/** For whom a call is made. */
export interface CallContext {
  /** Aborts when the client is gone, its time is over (the reason is a TimeoutError) or the server ends. */
  readonly signal: AbortSignal;
  readonly priority: Priority;
  /** Calls of different groups take turns in the queue: the name of the API key, '' without one. */
  readonly group: string;
}

/** Sizes and times of a call; the times are those of its slowest text. */
export interface CallFacts {
  readonly texts: number;
  readonly characters: number;
  readonly tokens: number;
  /** Texts that were cut. */
  readonly truncated: number;
  readonly tokenizeMs: number;
  readonly queueMs: number;
  readonly inferenceMs: number;
}

/** The results in the order of the inputs. */
export interface Answered<T> {
  readonly results: readonly T[];
  readonly facts: CallFacts;
}

/** Scores of a classifier for one text. */
export interface ClassScores {
  /** The scores before softmax or sigmoid, one per label. */
  readonly logits: Float32Array;
  /** Softmax for one label, sigmoid for several, the numbers themselves for a regression; calibrated as the model is. */
  readonly scores: Float32Array;
  readonly truncated: boolean;
}

/** A token with its place in the text. */
export interface ServedToken {
  readonly id: number;
  readonly text: string;
  readonly special: boolean;
  /** In UTF-16 units; null for a special token. */
  readonly start: number | null;
  readonly stop: number | null;
}

/** Facts of a model that do not change while it is served. */
export interface ServedInfo {
  readonly name: string;
  readonly task: ServedTask;
  /** Folder, file or id that it was loaded from. */
  readonly source: string;
  /** The same for the same weights and settings: the start of a hash. */
  readonly version: string;
  /** `float32`, `int8` ... */
  readonly dtype: string;
  /** Of an encoder: how tokens become a vector. */
  readonly pooling: string | null;
  readonly labels: readonly string[];
  readonly problem: ClassificationProblem | null;
  /** Of a classifier with several labels: the scores from which they count, as fitted; null: 0.5 for each. */
  readonly thresholds?: readonly number[] | null;
  readonly dimensions: number | null;
  readonly maxTokens: number;
  readonly prompts: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly loadedAt: number;
}

/**
 * A model behind a name. A call for another task than the model's rejects with `WrongTask`; a refused one with SinterError
 * OVERLOADED; an aborted one with CANCELLED, whose cause is the signal's reason. Mistakes in an input are TypeErrors and
 * RangeErrors that name inputs[i].
 */
export interface ServedModel {
  readonly info: ServedInfo;
  embed(
    inputs: readonly ModelInput[],
    request: EmbedRequest,
    context: CallContext,
  ): Promise<Answered<Float32Array>>;
  /** A vector for each token of each text. */
  embedTokens(
    inputs: readonly ModelInput[],
    request: EmbedRequest,
    context: CallContext,
  ): Promise<Answered<readonly Float32Array[]>>;
  classify(
    inputs: readonly ModelInput[],
    request: LengthOptions,
    context: CallContext,
  ): Promise<Answered<ClassScores>>;
  tag(
    texts: readonly string[],
    request: { readonly aggregation?: Aggregation },
    context: CallContext,
  ): Promise<Answered<readonly Entity[]>>;
  answer(
    questions: readonly { readonly question: string; readonly context: string }[],
    request: AnswerRequest,
    context: CallContext,
  ): Promise<Answered<readonly Answer[]>>;
  /** The score of each text for the query; `isRaw`: before the sigmoid. */
  rerank(
    query: string,
    texts: readonly string[],
    request: LengthOptions & { readonly isRaw: boolean },
    context: CallContext,
  ): Promise<Answered<number>>;
  fillMask(
    texts: readonly string[],
    request: { readonly topK?: number },
    context: CallContext,
  ): Promise<Answered<readonly (readonly Candidate[])[]>>;
  tokenize(
    texts: readonly string[],
    request: { readonly addSpecialTokens: boolean; readonly promptName?: string },
  ): Promise<readonly (readonly ServedToken[])[]>;
  decode(
    ids: readonly (readonly number[])[],
    request: { readonly skipSpecialTokens: boolean },
  ): Promise<readonly string[]>;
}

/** The model has another task than the call. */
export class WrongTask extends Error {
  override readonly name = 'WrongTask';
}

/** How a request ended. */
export type Outcome =
  | 'ok'
  | 'validation'
  | 'too_large'
  | 'unauthorized'
  | 'wrong_model'
  | 'overloaded'
  | 'timeout'
  | 'cancelled'
  | 'failed';

/** A finished request, without its texts. */
export interface RequestRecord {
  readonly requestId: string;
  /** The pattern of the route: `/v1/embeddings`. */
  readonly route: string;
  readonly status: number;
  readonly outcome: Outcome;
  /** Name of the model; null where the request named none that is served. */
  readonly model: string | null;
  readonly version: string | null;
  /** Name of the API key, never the key; '' without keys. */
  readonly key: string;
  /** Whether the request held one input or a list. */
  readonly method: 'single' | 'batch';
  readonly totalMs: number;
  /** Null where the request ended before a model was called. */
  readonly facts: CallFacts | null;
}

/** What a model gave for texts, for drift and audit; the texts are gone when the call returns. */
export interface ResultRecord {
  readonly requestId: string;
  readonly model: ServedInfo;
  readonly inputs: readonly ModelInput[];
  readonly results: readonly unknown[];
  readonly facts: CallFacts;
}

/** Listens to a server. Its methods must not throw and take little time: they run between requests. */
export interface ServerObserver {
  onRequest?(record: RequestRecord): void;
  onResult?(record: ResultRecord): void;
}
