/** The data of a training whose rows are streamed. */

import { SinterError } from '../core/errors.js';
import type { CollectOptions, Rows } from '../train/collect-rows.js';
import { Corpus, type Examples, type LabelledBatch } from '../train/corpus.js';
import { ExampleCorpus } from '../train/example-corpus.js';
import { ListCorpus } from '../train/list-corpus.js';
import type { Objective } from '../train/objectives.js';
import type { TrainPlan } from '../train/train-model.js';
import type { TrainSettings } from '../train/train-options.js';
import type { Learning, RowSet } from './trainable-model.js';

interface StreamCall extends CollectOptions {
  readonly maxTokens: number;
}

const textsOf = ({ tokens, targets }: LabelledBatch) => new Corpus(tokens, targets);

/** The examples of a batch: texts, so many of them for each row, or where a row becomes several of them their lists. */
function examplesOf(batch: LabelledBatch): Examples {
  const { columns, tokens, targets } = batch;
  if (columns !== undefined) {
    const none = { unit: 'text', width: 0, values: new Int32Array() } as const;
    return new ExampleCorpus(new Corpus(tokens, none), columns, targets);
  }
  const texts = textsOf(batch);
  return batch.lists === undefined ? texts : new ListCorpus(texts, [...batch.lists.lengths]);
}

/** Rows, which count those that are cut themselves, and objective. Throws UNSUPPORTED_MODEL for a model that needs all rows at once. */
export async function streamedPlan<S>(
  rows: Rows<unknown>,
  learning: Pick<Learning<RowSet, unknown, S>, 'objective' | 'reader' | 'tailor' | 'extension'>,
  settings: TrainSettings,
  { maxTokens, ...call }: StreamCall,
): Promise<Pick<TrainPlan<S>, 'corpus' | 'truncated' | 'objective' | 'extension'>> {
  const { shuffleBuffer, maxSteps } = settings;
  const counts = maxSteps === 0;
  const reader = learning.reader?.(maxTokens, counts);
  if (reader === undefined) {
    const what = 'streaming is not for a training with a teacher';
    throw new SinterError('UNSUPPORTED_MODEL', `${call.where}: ${what}`);
  }
  const { StreamedExamples } = await import('../train/streamed-examples.js');
  const corpus = await StreamedExamples.open(rows, reader, {
    ...{ ...call, shuffleBuffer, corpusOf: examplesOf, counts },
  });
  // The first batch says of what kind the targets are.
  let own: Objective | undefined;
  const objective: Objective = (batch, random) => {
    const set = { corpus: textsOf(batch) };
    own ??= learning.tailor?.(set).objective ?? learning.objective;
    return own(batch, random);
  };
  return { corpus, objective, extension: learning.extension?.(settings), truncated: 0 };
}
