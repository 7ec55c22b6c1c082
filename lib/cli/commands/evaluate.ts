/**
 * `sinter evaluate`: scores of a classifier, of another head, or of an encoder on pairs, with the rows of a file.
 */
import { type Command, Option } from 'commander';
import {
  realNumber,
  wholeNumber,
  withBadRows,
  withCommon,
  withData,
  withModel,
  withPooling,
  withSpreadsheet,
  withThreads,
} from '../arguments.js';
import type { Surroundings } from '../context.js';
import { evaluateClassifier } from '../evaluate-classifier.js';
import { evaluateEncoder } from '../evaluate-encoder.js';
import { type EvaluateOptions, sheetOf } from '../evaluate-options.js';
import { evaluateSimilarity } from '../evaluate-similarity.js';
import { HEAD_TASKS } from '../head-tasks.js';
import { withReport } from '../report-file.js';

interface EvaluateFlags extends Omit<EvaluateOptions, 'task'> {
  readonly task?: EvaluateOptions['task'] | 'embedding';
}

export function addEvaluate(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('evaluate')
    .summary('measure a model on labelled rows')
    .description(
      'Prints the classification report of a classifier on labelled rows. With --score-column, an ' +
        'encoder instead: how well the cosine of two texts, or what the model says instead ' +
        '(similarity_fn_name), follows a score (STS). With --task embedding an encoder is scored by the columns of ' +
        'the rows: searches, triplets, pairs, classes.',
    )
    .requiredOption('--data <file>', 'rows to evaluate on')
    .option('-m, --model <dir>', 'model folder (default with --score-column: the embedded encoder)')
    .addOption(
      new Option(
        '--task <kind>',
        'what the model is for, where its config.json does not say',
      ).choices(['classification', ...HEAD_TASKS, 'embedding']),
    )
    .option('--adapter <dir>', 'run this adapter beside the model, with its own head and labels')
    .option('--confusions <n>', 'how many confusions to list', wholeNumber(0), 5)
    .option(
      '--min-score <x>',
      'classifiers: what is left where predictions below this and higher probabilities are rejected',
      realNumber('a number from 0 to 1', (value) => value >= 0 && value <= 1),
    )
    .option('--predictions <file>', 'write every prediction to this .csv, .tsv or .jsonl file')
    .addOption(
      new Option(
        '--windows <kind>',
        'read texts over the limit in windows, and take the mean or the largest of their logits',
      ).choices(['mean', 'max']),
    )
    .addOption(
      new Option('--score-column <name>', 'pairs of texts: column of their similarity').conflicts([
        'labelColumn',
        'predictions',
        'windows',
        'minScore',
        'report',
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ sinter evaluate --model my-model --data test.csv
  $ sinter evaluate --model my-base --adapter my-adapter --data test.csv
  $ sinter evaluate --task embedding --model my-encoder --data questions-and-answers.jsonl
  $ sinter evaluate --data sts.csv --text-column a --pair-column b --score-column score
`,
    )
    .action(({ task, ...options }: EvaluateFlags) => {
      sheetOf(options);
      if (task === 'embedding') return evaluateEncoder(options, surroundings);
      return options.scoreColumn === undefined
        ? evaluateClassifier({ ...options, ...(task && { task }) }, surroundings)
        : evaluateSimilarity(options, options.scoreColumn, surroundings);
    });
  withCommon(
    withThreads(
      withPooling(
        withModel(withBadRows(withData(withReport(withSpreadsheet(command)), ['pair', 'label']))),
      ),
    ),
  );
}
