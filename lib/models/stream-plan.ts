/** The data of a training whose rows are streamed. */

import { SinterError } from '../core/errors.js';
import type { CollectOptions, Rows } from '../train/collect-rows.js';
import { Corpus, type LabelledBatch } from '../train/corpus.js';
import type { Objective } from '../train/objectives.js';
import type { TrainPlan } from '../train/train-model.js';
import type { TrainSettings } from '../train/train-options.js';
import type { Learning, RowSet } from './trainable-model.js';

interface StreamCall extends CollectOptions {
  readonly maxTokens: number;
}

const corpusOf = ({ tokens, targets }: LabelledBatch) => new Corpus(tokens, targets);

/** Rows, which count those that are cut themselves, and objective. Throws UNSUPPORTED_MODEL for a model that makes several texts of a row. */
export async function streamedPlan<S>(
  rows: Rows<unknown>,
  learning: Pick<Learning<RowSet, unknown, S>, 'objective' | 'reader' | 'tailor'>,
  { shuffleBuffer, maxSteps }: Pick<TrainSettings, 'shuffleBuffer' | 'maxSteps'>,
  { maxTokens, ...call }: StreamCall,
): Promise<Pick<TrainPlan<S>, 'corpus' | 'truncated' | 'objective'>> {
  const reader = learning.reader?.(maxTokens);
  if (reader === undefined) {
    const what = 'streaming is for classifiers and masked language models';
    throw new SinterError('UNSUPPORTED_MODEL', `${call.where}: ${what}`);
  }
  const { StreamedExamples } = await import('../train/streamed-examples.js');
  const corpus = await StreamedExamples.open(rows, reader, {
    ...{ ...call, shuffleBuffer, corpusOf, counts: maxSteps === 0 },
  });
  // The first batch says of what kind the targets are.
  let own: Objective | undefined;
  const objective: Objective = (batch, random) => {
    const set = { corpus: corpusOf(batch) };
    own ??= learning.tailor?.(set).objective ?? learning.objective;
    return own(batch, random);
  };
  return { corpus, objective, truncated: 0 };
}
