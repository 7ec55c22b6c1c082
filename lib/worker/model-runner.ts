/**
 * A model as jobs see it: texts in, a JSON value for each text out, whatever the model is for.
 *
 * The rule: numbers have the fewest digits that read back as the same float32, so equal results are equal bytes.
 */
import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { shortFloats } from '../core/short-float.js';
import { printableJson } from '../core/visible.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import { Classifier } from '../models/classifier.js';
import { CrossEncoder } from '../models/cross-encoder.js';
import { Encoder } from '../models/encoder.js';
import type { KindPredictor } from '../models/kind-predictions.js';
import { KINDS, type Kind } from '../models/kinds.js';
import { MaskedLM } from '../models/masked-lm.js';
import { modelVersion } from '../models/model-version.js';
import { QuestionAnswerer } from '../models/question-answerer.js';
import type { TextModel } from '../models/text-model.js';
import { TokenClassifier } from '../models/token-classifier.js';
import { float32Json } from '../native/float32-json.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { JobSettings } from './jobs.js';

/** Name of the task of an encoder; others are named by their kind. */
const EMBEDDING = 'embedding';

export interface ModelRunner {
  readonly task: string;
  readonly version: string;
  /** Columns of the texts where a file's are not named; null: as readRows guesses. */
  readonly columns: readonly [string, string] | null;
  /** Throws TypeError or RangeError for a setting that the model does not take. */
  check(settings: JobSettings): void;
  /** A JSON text for each input. Throws TypeError or RangeError naming texts[i]. */
  run(
    inputs: readonly TextInput[],
    settings: JobSettings,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

/** Reads all weights once, for the version. */
export async function modelRunner(
  where: string,
  model: TextModel,
  signal: AbortSignal | undefined,
): Promise<ModelRunner> {
  const version = await modelVersion(model, signal);
  if (model instanceof Encoder) return encoderRunner(model, version);
  const kind = await kindOfModel(model);
  if (kind === null)
    throw rangeMistake(`${where}: model`, 'an encoder or a model for a task', model);
  const row = KINDS[kind];
  const predictor = row.predictor as KindPredictor<TextModel>;
  const [first] = predictor.names;
  return {
    task: kind,
    version,
    columns: first === 'text' ? null : predictor.names,
    check: (settings) => checkSettings(settings, predictor.takes),
    async run(inputs, settings, runSignal) {
      checkPairs(inputs, predictor.pair);
      const rows = await predictor.predict(model, inputs, { ...settings, signal: runSignal });
      // A result is a line of a file: U+2028 in an answer must not end it for a reader that takes it for a line end.
      return rows.map((one) => printableJson(JSON.stringify(one, shortFloats)));
    },
  };
}

function encoderRunner(encoder: Encoder, version: string): ModelRunner {
  return {
    task: EMBEDDING,
    version,
    columns: null,
    check: (settings) => checkSettings(settings, ['dimensions', 'promptName']),
    async run(inputs, settings, signal) {
      const { dimensions, promptName } = settings;
      const vectors = await encoder.embed(inputs, {
        ...(dimensions !== undefined && { dimensions }),
        ...(promptName !== undefined && { promptName }),
        ...{ signal, priority: 'bulk' },
      });
      return Array.from({ length: vectors.rows }, (_, i) => float32Json(vectors.row(i)));
    },
  };
}

const BY_PROBLEM: Readonly<Record<ClassificationProblem, Kind>> = {
  single_label_classification: 'classification',
  multi_label_classification: 'multi-label',
  regression: 'regression',
};

async function kindOfModel(model: TextModel): Promise<Kind | null> {
  if (model instanceof Classifier) {
    const { problem } = await model.info();
    return problem === null ? null : BY_PROBLEM[problem];
  }
  if (model instanceof CrossEncoder) return 'pairs';
  if (model instanceof TokenClassifier) return 'tags';
  if (model instanceof QuestionAnswerer) return 'answers';
  return model instanceof MaskedLM ? 'masked-lm' : null;
}

function checkSettings(settings: JobSettings, takes: readonly string[]): void {
  const known = Object.fromEntries(takes.map((name) => [name, true]));
  readOptions('job: settings', settings, known as never);
}

function checkPairs(inputs: readonly TextInput[], pair: 'none' | 'optional' | 'needed'): void {
  if (pair === 'optional') return;
  const wrong = inputs.findIndex((input) => (typeof input === 'string') === (pair === 'needed'));
  if (wrong < 0) return;
  const what = pair === 'needed' ? 'a pair of texts' : 'a text and no pair';
  throw rangeMistake(`texts[${wrong}]`, what, inputs[wrong]);
}
