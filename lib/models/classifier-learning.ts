/** How a classifier is evaluated on its rows, and how it learns from them with the losses and teachers that a caller chose. */

import type { ClassificationProblem } from '../graph/checkpoint.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  labelsOfRows,
  lossObjective,
  rowsByClass,
} from '../tasks/text-classification/loss-objective.js';
import type { LossChoice } from '../tasks/text-classification/loss-options.js';
import type { EvaluationOf, ProblemOf, ScoresOf } from '../tasks/text-classification/problems.js';
import { taughtRows, taughtTarget } from '../tasks/text-classification/taught-rows.js';
import { collectRows, textRows } from '../train/collect-rows.js';
import { corpusLogits } from '../train/corpus-logits.js';
import { type ModelDistillation, readerFor } from './distillation.js';
import { evenThresholds } from './label-thresholds.js';
import type { Learning, RowSet } from './trainable-model.js';

type ClassifierLearning<L extends string, K extends ClassificationProblem> = Learning<
  RowSet,
  EvaluationOf<L, K>,
  ScoresOf<K>
>;

/** The problem's own loss; `thresholds` are those of the evaluation. */
export function classifierLearning<L extends string, K extends ClassificationProblem>(
  { graph, tokenizer }: ModelParts,
  rules: ProblemOf<L, K>,
  thresholds: readonly number[],
): ClassifierLearning<L, K> {
  const parse = (at: string, row: unknown) => rules.parse(at, row);
  const reader = (maxTokens: number) =>
    textRows(parse, rules.target, { tokenizer, graph, maxTokens });
  return {
    objective: rules.objective,
    reader,
    collect: (rows, { maxTokens, ...options }) => collectRows(rows, reader(maxTokens), options),
    evaluate: async (program, { corpus }, { graph: own = graph, ...options }) =>
      rules.evaluate(
        await corpusLogits(program, own, corpus, options),
        corpus.targets.values,
        thresholds,
      ),
    scores: (evaluation) => rules.scores(evaluation),
  };
}

/** What a training learns from. */
interface Lesson<L extends string> {
  readonly labels: readonly L[];
  readonly choice: LossChoice;
  /** What is learned from the inside of a teacher. */
  readonly inner: ModelDistillation | undefined;
}

/** The losses that the caller chose. */
export function taughtLearning<L extends string, K extends ClassificationProblem>(
  parts: ModelParts,
  rules: ProblemOf<L, K>,
  { labels, choice, inner }: Lesson<L>,
): ClassifierLearning<L, K> {
  const { teacher, alpha, sampling } = choice;
  const record = { ...choice.record, ...inner?.record };
  const { labelsOf } = rules;
  // A training ends what was fitted to the old weights.
  const plain = classifierLearning<L, K>(parts, rules, evenThresholds(labels));
  const many = labels.length;
  const set = { labels: many, unlabelled: alpha === 1 };
  const parse = (at: string, row: unknown) =>
    taughtTarget(at, row, (place, one) => rules.parse(place, one), set);
  return {
    ...plain,
    record,
    ...(inner !== undefined && { distillation: inner }),
    tailor: ({ corpus }) => ({
      objective: lossObjective(choice, corpus, many),
      classes: sampling === 'balanced' ? rowsByClass(corpus, many) : undefined,
    }),
    ...(teacher === undefined &&
      labelsOf !== undefined && {
        labelsOf: ({ corpus }: RowSet) => labelsOfRows(corpus, labelsOf),
      }),
    collect: (rows, options) => {
      if (options.held || (teacher === undefined && inner === undefined))
        return plain.collect(rows, options);
      const { maxTokens } = options;
      const from = { ...parts, maxTokens };
      const check = inner ?? { teacher: null };
      if (teacher === undefined) {
        const reader = textRows((at, row) => rules.parse(at, row), rules.target, from);
        return collectRows(rows, readerFor(reader, check, options), options);
      }
      const target = { width: 1 + many, kind: 'numbers' } as const;
      const reader = readerFor(textRows(parse, target, from), check, options);
      const own = teacher === 'logits' ? rows : taughtRows(rows, teacher, labels, options);
      return collectRows(own, reader, options);
    },
  };
}
