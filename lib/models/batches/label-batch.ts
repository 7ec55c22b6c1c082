/** The batcher of a classifier: predictions, or logits and scores, of texts. */

import { RUN_OPTIONS, type RunOptions } from '../../batching/batch-options.js';
import type { BatchWork, WindowReader } from '../../batching/batch-work.js';
import { rangeMistake } from '../../core/errors.js';
import type { KnownOptions } from '../../core/options.js';
import { JoinedWindows, type WindowSettings } from '../../runtime/windowed-logits.js';
import {
  type BatchModel,
  idEncoders,
  type LiveModel,
  rowRunner,
  TEXT_NAME,
  windowsOf,
} from './batch-model.js';
import {
  type BatchInput,
  isIds,
  ownIds,
  ownText,
  readTruncation,
  TRUNCATE_OPTIONS,
  type TruncateOptions,
} from './run-input.js';

/** Options of `run` of a classifier's batcher. */
export type ClassifierRunOptions = RunOptions & TruncateOptions;

const CLASSIFIER_RUN_OPTIONS: KnownOptions<ClassifierRunOptions> = {
  ...RUN_OPTIONS,
  ...TRUNCATE_OPTIONS,
};

/** How logits become results, and how texts over the limit are taken. */
export interface LogitsBatchSettings<R> {
  readonly truncate: boolean;
  readonly windows: WindowSettings | null;
  /** The result of a text; the row is a view. */
  readonly result: (logits: Float32Array, truncated: boolean) => R;
}

/** A batcher's work for a head over whole texts. */
export function labelBatch<R>(
  model: LiveModel,
  settings: LogitsBatchSettings<R>,
): BatchModel<R, BatchInput, ClassifierRunOptions> {
  const workFor = logitsWork(model, settings);
  return {
    maxTokens: model.parts.graph.maxTokens,
    runOptions: CLASSIFIER_RUN_OPTIONS,
    begin(input, options) {
      const work = workFor(options);
      if (isIds(input)) return { text: '', tokens: ownIds(input, model), work };
      return { text: ownText(input), tokens: null, work };
    },
  };
}

/** Makes the work of calls that have one row of logits, by their options. */
export function logitsWork<R>(
  model: LiveModel,
  { truncate, windows, result }: LogitsBatchSettings<R>,
): (options: TruncateOptions, own?: LogitsBatchSettings<R>['result']) => BatchWork<R> {
  const encoderFor = idEncoders(model, model.parts.graph.maxTokens);
  const runner = rowRunner(model, { output: 'logits', unit: 'sequence' });
  const workFor = (options: TruncateOptions, own = result): BatchWork<R> => {
    checkNoWindows(options, windows);
    // A text that is cut is read again in windows.
    const encoder = encoderFor(readTruncation(options, windows !== null || truncate));
    const reader = windows === null ? null : logitWindows(model, windows, own);
    return { encoder, runner, windows: reader, answer: ({ data }, { cut }) => own(data, cut) };
  };
  const plain = workFor({});
  return (options, own) => {
    const isPlain = options.truncate === undefined && options.truncationDirection === undefined;
    return isPlain && own === undefined ? plain : workFor(options, own);
  };
}

function checkNoWindows(options: TruncateOptions, windows: WindowSettings | null): void {
  if (windows === null) return;
  for (const name of ['truncate', 'truncationDirection'] as const) {
    if (options[name] !== undefined)
      throw rangeMistake(`run: ${name}`, 'left out with windows', options[name]);
  }
}

function logitWindows<R>(
  model: LiveModel,
  { stride, join }: WindowSettings,
  result: LogitsBatchSettings<R>['result'],
): WindowReader<R, Float32Array> {
  return {
    read(text, signal) {
      const { tokenizer, graph } = model.parts;
      const { maxTokens } = graph;
      const options = { maxTokens, stride, signal, where: 'run', nameOf: () => TEXT_NAME };
      return windowsOf(tokenizer.windowGroups([text], options));
    },
    keep: ({ data }) => data.slice(),
    join() {
      const joined = new JoinedWindows(join);
      return {
        add: (row) => joined.add(row),
        finish: () => result(joined.finish(), false),
      };
    },
  };
}
