/**
 * What the kinds of the command line say of a text: a row of plain fields for each input, whatever the kind.
 *
 * The rule: an input has one row, in its order; a setting that means nothing to a kind is not in its `takes`.
 */

import type { AdapterOption } from '../runtime/predict-options.js';
import type { WindowedOptions } from '../runtime/windowed-logits.js';
import type { MultiLabelPrediction } from '../tasks/text-classification/multi-label.js';
import type { ValuePrediction } from '../tasks/text-classification/regression.js';
import type { Prediction } from '../tasks/text-classification/single-label.js';
import type { TopLabels } from '../tasks/text-classification/top-labels.js';
import type { Aggregation } from '../tasks/token-classification/entities.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { AnswerOptions } from './answer-options.js';
import type { Classifier } from './classifier.js';
import type { Rejectable } from './classifier-options.js';
import type { CrossEncoder } from './cross-encoder.js';
import type { MaskedLM } from './masked-lm.js';
import type { QuestionAnswerer } from './question-answerer.js';
import type { TokenClassifier } from './token-classifier.js';

/** What may be asked of a prediction; each kind takes some of it. */
export interface KindSettings {
  readonly topK?: number;
  readonly allScores?: boolean;
  readonly threshold?: number;
  readonly minScore?: number;
  readonly windows?: NonNullable<WindowedOptions['windows']>;
  readonly aggregation?: Aggregation;
  readonly allowNoAnswer?: boolean;
}

export interface KindRun extends KindSettings, AdapterOption {
  readonly signal: AbortSignal;
}

/** Fields of one input's row, in the order of columns; `top` has the same length in every row. */
export type PredictedRow = Readonly<Record<string, unknown>>;

export interface KindPredictor<Model> {
  /** What the texts of an input are called; the second one may be missing where `pair` is 'optional'. */
  readonly names: readonly [string, string];
  readonly pair: 'none' | 'optional' | 'needed';
  readonly takes: readonly (keyof KindSettings)[];
  /** Throws TypeError or RangeError naming texts[i]. */
  predict(model: Model, inputs: readonly TextInput[], run: KindRun): Promise<PredictedRow[]>;
}

const TEXTS = ['text', 'pair'] as const;

type LabelRow = Rejectable<Prediction> & Partial<TopLabels>;
type LabelsRow = MultiLabelPrediction & Partial<TopLabels>;

const label: KindPredictor<Classifier> = {
  names: TEXTS,
  pair: 'optional',
  takes: ['topK', 'allScores', 'minScore', 'windows'],
  async predict(model, inputs, { allScores = false, minScore = 0, ...options }) {
    const found: readonly LabelRow[] = await model.predict(inputs, { ...options, minScore });
    return found.map((one) => ({
      label: one.label,
      score: one.score,
      ...(one.top && { top: one.top }),
      ...(allScores && { scores: one.scores }),
      truncated: one.truncated,
    }));
  },
};

const labels: KindPredictor<Classifier<string, 'multi_label_classification'>> = {
  names: TEXTS,
  pair: 'optional',
  takes: ['topK', 'allScores', 'threshold', 'windows'],
  async predict(model, inputs, { allScores = false, ...options }) {
    const found: readonly LabelsRow[] = await model.predict(inputs, options);
    return found.map((one) => ({
      labels: one.labels,
      ...(one.top && { top: one.top }),
      ...(allScores && { scores: one.scores }),
      truncated: one.truncated,
    }));
  },
};

const value: KindPredictor<Classifier<string, 'regression'>> = {
  names: TEXTS,
  pair: 'optional',
  takes: ['windows'],
  async predict(model, inputs, options) {
    const found: readonly ValuePrediction[] = await model.predict(inputs, options);
    return found.map((one) => ({
      ...(one.values.length === 1 ? { value: one.value } : { values: one.values }),
      truncated: one.truncated,
    }));
  },
};

const score: KindPredictor<CrossEncoder> = {
  names: TEXTS,
  pair: 'needed',
  takes: ['windows'],
  async predict(model, inputs, options) {
    const cut = new Set<number>();
    const onTruncated = (indices: readonly number[]) => {
      for (const index of indices) cut.add(index);
    };
    const pairs = inputs as readonly (readonly [string, string])[];
    const scores = await model.score(pairs, { ...options, onTruncated });
    return scores.map((own, i) => ({ score: own, truncated: cut.has(i) }));
  },
};

const entities: KindPredictor<TokenClassifier> = {
  names: TEXTS,
  pair: 'none',
  takes: ['aggregation'],
  async predict(model, inputs, options) {
    const found = await model.predict(inputs as readonly string[], options);
    return found.map((own) => ({ entities: own }));
  },
};

const answers: KindPredictor<QuestionAnswerer> = {
  names: ['question', 'context'],
  pair: 'needed',
  takes: ['topK', 'allowNoAnswer'],
  predict(model, inputs, { topK, ...given }) {
    const options: AnswerOptions = { ...given, priority: 'bulk', ...(topK && { topK }) };
    return eachInput(inputs, async (input) => {
      const [question = '', context = ''] = input;
      const found = await model.answer(question, context, options);
      const [best] = found;
      const first = { answer: best?.answer ?? '', score: best?.score ?? 0 };
      const place = { start: best?.start ?? 0, end: best?.end ?? 0 };
      return { ...first, ...place, ...(topK && { answers: found }) };
    });
  },
};

const masks: KindPredictor<MaskedLM> = {
  names: TEXTS,
  pair: 'none',
  takes: ['topK'],
  predict(model, inputs, options) {
    return eachInput(inputs, async (text) => {
      const found = await model.fill(text as string, { ...options, priority: 'bulk' });
      return {
        masks: found.map((own) => own.map((one) => ({ token: one.token, score: one.score }))),
      };
    });
  },
};

/** By what the rows of a kind hold. */
export const PREDICTORS = { label, labels, value, score, tags: entities, answers, text: masks };

/** Calls that run at once where a call takes one input. */
const AT_ONCE = 16;

/** A mistake names what its call was given: here it is one of many. */
const OWN_NAME = /^\w+: (?:text|question|context)\b/;

async function eachInput(
  inputs: readonly TextInput[],
  predict: (input: TextInput) => Promise<PredictedRow>,
): Promise<PredictedRow[]> {
  const rows: PredictedRow[] = [];
  for (let first = 0; first < inputs.length; first += AT_ONCE) {
    const piece = inputs.slice(first, first + AT_ONCE).map(async (input, i) => {
      try {
        return await predict(input);
      } catch (error) {
        const known = error instanceof TypeError || error instanceof RangeError;
        if (known) error.message = error.message.replace(OWN_NAME, `predict: texts[${first + i}]`);
        throw error;
      }
    });
    const settled = await Promise.allSettled(piece);
    for (const one of settled) {
      if (one.status === 'rejected') throw one.reason;
      rows.push(one.value);
    }
  }
  return rows;
}
