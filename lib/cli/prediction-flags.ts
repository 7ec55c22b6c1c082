/** Flags of what is asked of a model with a head, the same for every command that predicts or has others predict. */
import { type Command, Option } from 'commander';
import type { KindSettings } from '../models/kind-predictions.js';
import { AGGREGATIONS } from '../tasks/token-classification/entities.js';
import { given, realNumber, wholeNumber } from './arguments.js';

const probability = realNumber('a number from 0 to 1', (value) => value >= 0 && value <= 1);

export function withPredictions(command: Command): Command {
  return command
    .option('--top-k <n>', 'the n best labels, answers or tokens with their scores', wholeNumber(1))
    .option('--all-scores', 'the score of every label')
    .option(
      '--threshold <x>',
      'several labels: probability from which a label counts (default: what was fitted, else 0.5)',
      probability,
    )
    .option(
      '--min-score <x>',
      'one label: below this probability a text gets no label (null, in CSV an empty cell)',
      probability,
    )
    .addOption(
      new Option('--aggregation <kind>', 'tags: how tokens become entities').choices(AGGREGATIONS),
    )
    .option('--allow-no-answer', 'answers: that there is none may be the best one')
    .addOption(
      new Option(
        '--windows <kind>',
        'read texts over the limit in windows, and take the mean or the largest of their logits',
      ).choices(['mean', 'max']),
    );
}

/** The settings that were given. */
export function predictionsAsked(options: KindSettings): KindSettings {
  const { topK, allScores, threshold, minScore, windows, aggregation, allowNoAnswer } = options;
  return given({ topK, allScores, threshold, minScore, windows, aggregation, allowNoAnswer });
}
