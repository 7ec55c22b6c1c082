/** Distillation from models: what `train` reads of its option, for every kind of student. */

import { rangeMistake, typeMistake } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { KnownOptions } from '../core/options.js';
import { readOptions } from '../core/options.js';
import type { EncoderGraph } from '../graph/types.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import type { RowReader, TextTarget } from '../train/collect-rows.js';
import {
  type DistillationSettings,
  type EmbeddingDistillation,
  type InnerDistillation,
  type LogitSettings,
  readDistillation,
  readsInside,
} from '../train/distillation-options.js';
import type { Distillation, InnerTeacher } from '../train/distillation-training.js';
import { withSameTokens } from '../train/same-tokens.js';
import { insideOf, TextModel } from './text-model.js';

/** @internal A distillation after its check, with what the rows need. */
export interface ModelDistillation extends Distillation {
  readonly teacher: (InnerTeacher & { readonly tokenizer: TextTokenizer }) | null;
  readonly record: JsonObject;
}

/** @internal The names of the options that every student has. */
export const INNER_OPTIONS = { teacher: true, hiddenStates: true, relations: true } as const;

/**
 * @internal Checks the terms of a distillation. `teacher` must be a model where a term reads its inside. Throws TypeError or
 * RangeError.
 */
export function readModelDistillation<
  O extends InnerDistillation & {
    readonly teacher: unknown;
    readonly embeddings?: EmbeddingDistillation | true;
  },
>(
  where: string,
  options: O,
  known: KnownOptions<O>,
  logits: LogitSettings | null = null,
): ModelDistillation {
  const at = `${where}: distillation`;
  readOptions(at, options, known);
  const { teacher, hiddenStates, relations, embeddings } = options;
  const terms = {
    ...(hiddenStates !== undefined && { hiddenStates }),
    ...(relations !== undefined && { relations }),
    ...(embeddings !== undefined && { embeddings }),
  };
  const settings = readDistillation(at, terms, logits);
  const record = recordOf(settings, typeof teacher === 'string' ? teacher : 'a model');
  if (!readsInside(settings)) return { settings, teacher: null, record };
  if (!(teacher instanceof TextModel)) {
    const what = 'a model, whose hidden states and relations can be read';
    throw typeMistake(`${at}: teacher`, what, teacher);
  }
  const { parts, use } = insideOf(teacher);
  return { settings, teacher: { graph: parts.graph, tokenizer: parts.tokenizer, use }, record };
}

function recordOf(settings: DistillationSettings, teacher: string): JsonObject {
  return { distillation: { ...(JSON.parse(JSON.stringify(settings)) as JsonObject), teacher } };
}

/** @internal `reader`, which checks that a teacher whose inside is read has the tokens of the student. */
export function readerFor(
  reader: RowReader<TextTarget>,
  { teacher }: Pick<ModelDistillation, 'teacher'>,
  options: { readonly where: string; readonly name: string; readonly maxTokens: number },
): RowReader<TextTarget> {
  if (teacher === null) return reader;
  checkTeacherLimit(options.where, options.maxTokens, teacher.graph);
  return withSameTokens(reader, teacher, options);
}

/** @internal Throws RangeError for texts that are longer than the teacher takes. */
export function checkTeacherLimit(
  where: string,
  maxTokens: number,
  { maxTokens: limit }: EncoderGraph,
): void {
  if (maxTokens > limit)
    throw rangeMistake(`${where}: maxTokens`, `at most ${limit}, the teacher's limit`, maxTokens);
}
