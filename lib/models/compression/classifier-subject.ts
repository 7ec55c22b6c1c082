/**
 * Classifiers under compression: one label, several labels, or a number for each text.
 *
 * Students learn from logits and hidden states of the original, and from labels. What has no label gets the original's answer, which
 * is also the truth where rows to compare by have none.
 */

import { classificationOutcome, type Outcome } from '../../compress/outcome.js';
import type { RowLoss } from '../../compress/row-losses.js';
import { rangeMistake } from '../../core/errors.js';
import type { ClassificationProblem } from '../../graph/checkpoint.js';
import { classifierSettings, withClassifierSettings } from '../../graph/classifier-settings.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { MultiLabelRow } from '../../tasks/text-classification/multi-label.js';
import { problemOf } from '../../tasks/text-classification/problems.js';
import type { ValueRow } from '../../tasks/text-classification/regression.js';
import type { LabelledRow } from '../../tasks/text-classification/single-label.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { textOf } from '../../train/collect-rows.js';
import { modelOver } from '../adapted-model.js';
import type { Classifier } from '../classifier.js';
import { insideOf } from '../text-model.js';
import { correlation } from './correlation.js';
import { countedF1 } from './counted-f1.js';
import { ALPHA, partsLoader, recoveryOptions, TEMPERATURE, trained } from './recover.js';
import { cancellable, once, type RowCheck } from './rows.js';
import type { Recovery, Subject, SubjectLoader, SubjectRows } from './subject.js';

type AnyClassifier = Classifier<string, 'single_label_classification'>;
/** What a text has, or what a model predicts for it. */
type Answer = Pick<LabelledRow, 'label'> &
  Pick<MultiLabelRow, 'labels'> &
  Pick<ValueRow, 'value'> & { readonly score: number };
type Row = Pick<LabelledRow, 'text' | 'pair'> & Partial<Answer>;

/** Rows are those of `evaluate`, or texts: strings, or rows without a label. */
export function classifierRows(model: AnyClassifier): RowCheck {
  const problem: ClassificationProblem = model.problem;
  const rules = problemOf(problem, model.labels);
  const { field } = FORMS[problem];
  return (at, row) => {
    if (typeof row === 'string') return false;
    textOf(at, row, `text and ${field}`);
    const { logits, [field]: answer } = row as Partial<Record<string, unknown>>;
    if (logits !== undefined)
      throw rangeMistake(`${at}.logits`, 'left out, since the model is the teacher', logits);
    if (answer === undefined) return false;
    rules.parse(at, row);
    return true;
  };
}

export function classifierSubject(
  model: AnyClassifier,
  rows: SubjectRows<Row | string>,
  load: SubjectLoader<AnyClassifier>,
): Subject {
  const form: Form = FORMS[model.problem as ClassificationProblem];
  const { unlabelled } = rows;
  const train = rows.train.map(rowOf);
  const known = { choice: rows.choice.map(rowOf), test: rows.test.map(rowOf) };
  const over = (parts: ModelParts) => modelOver(model, parts);
  const hasLabels = (list: readonly Row[]) => list[0]?.[form.field] !== undefined;
  const answersOf = async (texts: readonly TextInput[], signal: AbortSignal | undefined) =>
    (await model.predict(texts, cancellable(signal))) as unknown as readonly Answer[];
  const truthOf = (list: readonly Row[]) =>
    once(async (signal) =>
      hasLabels(list) ? (list as readonly Answer[]) : answersOf(list.map(inputOf), signal),
    );
  const truth = { choice: truthOf(known.choice), test: truthOf(known.test) };
  const untold = [...(hasLabels(train) ? [] : train.map(inputOf)), ...unlabelled];
  const lessons = once(async (signal) => {
    const answers = untold.length === 0 ? [] : await answersOf(untold, signal);
    const added = untold.map((text, i) => ({ ...rowOf(text), ...pick(answers[i], form.field) }));
    return hasLabels(train) ? [...train, ...added] : added;
  });
  const metric = (list: readonly Row[]) => (hasLabels(list) ? form.metric : form.agreement);
  return {
    task: form.task,
    metric: metric(known.test),
    output: 'logits',
    rowLoss: form.rowLoss,
    inputs: [...train.map(inputOf), ...unlabelled],
    isUnlabelled: !hasLabels(train),
    counts: {
      train: train.length,
      choice: known.choice.length,
      test: known.test.length,
      unlabelled: unlabelled.length,
    },
    measure: async (parts, part, signal) => {
      const found = await over(parts).predict(known[part].map(inputOf), cancellable(signal));
      const answers = found as unknown as readonly Answer[];
      const outcome = form.outcome(await truth[part](signal), answers, model.labels);
      return { ...outcome, metric: metric(known[part]) };
    },
    recover: async (parts, recovery) => {
      const made = await trained(over(parts), recovery.signal, async (student) => {
        const teacher = over(recovery.teacher);
        const options = { ...recoveryOptions(recovery), ...form.lesson(teacher, recovery) };
        await student.train((await lessons(recovery.signal)) as never, options as never);
      });
      return withThresholdsOf(insideOf(model).parts, made);
    },
    load: partsLoader(load),
  };
}

function rowOf(row: Row | TextInput): Row {
  if (typeof row === 'string') return { text: row };
  return Array.isArray(row) ? { text: row[0], pair: row[1] } : (row as Row);
}

function inputOf({ text, pair }: Row): TextInput {
  return pair === undefined ? text : [text, pair];
}

function pick(answer: Answer | undefined, field: keyof Answer): Partial<Row> {
  return { [field]: answer?.[field] };
}

/** A training ends the thresholds of labels. The student learned the original's answers, so those of the original fit it. */
function withThresholdsOf({ config, head, path }: ModelParts, parts: ModelParts): ModelParts {
  const { thresholds } = classifierSettings(config, head.labels?.length ?? 0, path);
  if (thresholds === null) return parts;
  return {
    ...parts,
    config: withClassifierSettings(parts.config, { temperature: 1, thresholds }),
  };
}

interface Form {
  readonly task: string;
  /** The field of a row that has its answer. */
  readonly field: 'label' | 'labels' | 'value';
  readonly metric: string;
  /** The metric where the truth is what the original answers. */
  readonly agreement: string;
  readonly rowLoss: RowLoss;
  outcome(
    truth: readonly Answer[],
    found: readonly Answer[],
    labels: readonly string[],
  ): Omit<Outcome, 'metric'>;
  /** What a student learns beside the loss of its rows. */
  lesson(teacher: AnyClassifier, recovery: Recovery): object;
}

const FORMS: Readonly<Record<ClassificationProblem, Form>> = {
  single_label_classification: {
    task: 'classification',
    field: 'label',
    metric: 'accuracy',
    agreement: 'agreement with the original',
    rowLoss: { kind: 'drawn', loss: 'cross_entropy', seed: 1 },
    outcome: labelOutcome,
    lesson: (teacher, { hiddenStates }) => ({
      distillation: { teacher, alpha: ALPHA, temperature: TEMPERATURE, hiddenStates },
    }),
  },
  multi_label_classification: {
    task: 'multi-label',
    field: 'labels',
    metric: 'micro F1',
    agreement: 'micro F1 with the original',
    rowLoss: { kind: 'drawn', loss: 'bce', seed: 1 },
    outcome: labelsOutcome,
    lesson: hiddenLesson,
  },
  regression: {
    task: 'regression',
    field: 'value',
    metric: 'Spearman',
    agreement: 'Spearman with the original',
    rowLoss: { kind: 'projections', count: 1, seed: 1 },
    outcome: valueOutcome,
    lesson: hiddenLesson,
  },
};

function hiddenLesson(teacher: AnyClassifier, { hiddenStates }: Recovery): object {
  return hiddenStates.length === 0 ? {} : { distillation: { teacher, alpha: 0, hiddenStates } };
}

function labelOutcome(
  truth: readonly Answer[],
  found: readonly Answer[],
  labels: readonly string[],
): Omit<Outcome, 'metric'> {
  const numbers = new Map(labels.map((label, i) => [label, i]));
  const numbersOf = (answers: readonly Answer[]) =>
    Int32Array.from(answers, ({ label }) => numbers.get(label) ?? -1);
  const [wanted, predicted] = [numbersOf(truth), numbersOf(found)];
  const classes = { names: labels, truth: wanted, predicted };
  return classificationOutcome(classes, {
    probabilities: Float64Array.from(found, ({ score }) => score),
  });
}

function labelsOutcome(
  truth: readonly Answer[],
  found: readonly Answer[],
): Omit<Outcome, 'metric'> {
  const counts = found.map(({ labels }, i) => {
    const wanted = new Set(truth[i]?.labels);
    return [
      labels.filter((label) => wanted.has(label)).length,
      labels.length,
      wanted.size,
    ] as const;
  });
  const isRight = ([hits, all, wanted]: (typeof counts)[number]) => hits === all && hits === wanted;
  return {
    higherIsBetter: true,
    rows: found.length,
    scoreOf: countedF1(counts),
    right: Uint8Array.from(counts, (row) => (isRight(row) ? 1 : 0)),
  };
}

/** The mean correlation of all numbers of a text. */
function valueOutcome(truth: readonly Answer[], found: readonly Answer[]): Omit<Outcome, 'metric'> {
  const columnsOf = (answers: readonly Answer[]) => {
    const lists = answers.map(({ value }) => (typeof value === 'number' ? [value] : value));
    return (lists[0] ?? []).map((_, column) => lists.map((list) => list[column] ?? Number.NaN));
  };
  const wanted = columnsOf(truth);
  const scores = columnsOf(found).map((own, i) => correlation(own, wanted[i] ?? []).scoreOf);
  const scoreOf: Outcome['scoreOf'] = (sample) =>
    scores.reduce((sum, score) => sum + score(sample), 0) / scores.length;
  return { rows: found.length, higherIsBetter: true, scoreOf };
}
