/** How an encoder learns from a teacher on texts without labels: its vectors, its hidden states, its relations. */

import { SinterError, typeMistake } from '../core/errors.js';
import { PLAIN_SENTENCE } from '../graph/sentence.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { promptText } from '../runtime/prompts.js';
import type { EmbeddingEvaluation } from '../tasks/embedding/evaluate-embeddings.js';
import type { ExampleSet } from '../tasks/embedding/example-rows.js';
import type { LossSettings } from '../tasks/embedding/loss-options.js';
import {
  type EmbeddingTeacher,
  embeddedRows,
  TaughtTextParser,
} from '../tasks/embedding/taught-texts.js';
import { collectRows, textRows } from '../train/collect-rows.js';
import type { EmbeddingDistillation, InnerDistillation } from '../train/distillation-options.js';
import { INNER_OPTIONS, readerFor, readModelDistillation } from './distillation.js';
import { embeddingLearning } from './embedding-learning.js';
import type { Learning, RowSet } from './trainable-model.js';

/** What an encoder learns from a teacher. Without any term: `embeddings`. */
export interface EncoderDistillation extends InnerDistillation {
  /**
   * An encoder; 'embedding': the vectors are in the field `embedding` of each row. Vectors may be of a teacher with any
   * tokenizer, hidden states and relations of one with the tokenizer of the student.
   */
  readonly teacher: EmbeddingTeacher | 'embedding';
  /** The vectors of texts; where the widths differ, the student's go through a matrix and a bias that are trained too. */
  readonly embeddings?: EmbeddingDistillation | true;
}

/** Rows to distil on are texts; held-out rows are those of every training of an encoder. */
export function distillingLearning(
  where: string,
  parts: ModelParts,
  options: EncoderDistillation,
  plain: LossSettings,
): Learning<ExampleSet | RowSet, EmbeddingEvaluation, EmbeddingEvaluation> {
  const known = { ...INNER_OPTIONS, embeddings: true } as const;
  const isBare = options.hiddenStates === undefined && options.relations === undefined;
  const chosen = isBare && options.embeddings === undefined ? { embeddings: true as const } : {};
  const distillation = readModelDistillation(where, { ...options, ...chosen }, known);
  const { settings } = distillation;
  const teacher = readTeacher(where, options.teacher);
  const base = embeddingLearning(parts, plain);
  const sentence = parts.sentence ?? PLAIN_SENTENCE;
  const prompt = promptText('rows', sentence, undefined);
  const stored = teacher === 'embedding' ? undefined : teacher.dimensions;
  const parser = new TaughtTextParser(prompt, settings.embeddings === null ? 0 : stored);
  return {
    objective: ({ tokens }) => ({ tokens, terms: [] }),
    advice: base.advice ?? [],
    record: distillation.record,
    distillation,
    targetWidth: () => parser.width,
    collect: async (rows, { held, ...own }) => {
      if (held) return base.collect(rows, { held, ...own });
      if (prompt !== '' && !sentence.includePrompt) {
        const what = 'its pooling leaves the prompt out, which a training step cannot do';
        throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${parts.path}: ${what}`);
      }
      const needsModel = settings.embeddings !== null && teacher !== 'embedding';
      const taught = needsModel ? embeddedRows(rows, teacher, own) : rows;
      const { tokenizer, graph } = parts;
      const target = {
        get width() {
          return parser.width;
        },
        kind: 'numbers',
      } as const;
      const reader = textRows((at, row) => parser.parse(at, row), target, {
        ...{ tokenizer, graph, maxTokens: own.maxTokens },
      });
      return collectRows(taught, readerFor(reader, distillation, own), own);
    },
    evaluate: (program, set, call) => base.evaluate(program, set as ExampleSet, call),
    metric: (set) => base.metric?.(set as ExampleSet) ?? 'loss',
    scores: (evaluation) => evaluation,
  };
}

function readTeacher(where: string, teacher: unknown): EmbeddingTeacher | 'embedding' {
  if (teacher === 'embedding') return teacher;
  const { embed } = (teacher ?? {}) as Partial<EmbeddingTeacher>;
  if (typeof embed === 'function') return teacher as EmbeddingTeacher;
  throw typeMistake(`${where}: distillation: teacher`, "an encoder or 'embedding'", teacher);
}
