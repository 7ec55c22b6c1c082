/**
 * `sinter quickstart`: the main job on data inside the package, in a few minutes.
 */
import type { Command } from 'commander';
import { positiveNumber, wholeNumber, withCommon, withThreads } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';

interface QuickstartOptions extends CommonOptions {
  readonly out: string;
  readonly seed: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly batchSize: number;
  readonly rowsPerIntent: number;
  readonly threads?: number;
  readonly onnxruntime?: boolean;
}

export function addQuickstart(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('quickstart')
    .summary('embed, fine-tune, quantize, export and compare, in a few minutes')
    .description(
      'The whole way on real data inside the package (Banking77: 77 intents of bank customers): embeds, ' +
        'fine-tunes a classifier, quantizes it, evaluates both, exports to ONNX, measures speed (against ' +
        'onnxruntime-node where it is installed) and writes a report. Needs no network.',
    )
    .option(
      '-o, --out <dir>',
      'folder to write; an older quickstart is replaced',
      'sinter-quickstart',
    )
    .option('--seed <n>', 'of the new head, the order of rows and dropout', wholeNumber(0), 42)
    .option('--epochs <n>', 'passes over the training rows', wholeNumber(1), 5)
    .option('--learning-rate <x>', 'peak learning rate', positiveNumber, 3e-4)
    .option('--batch-size <n>', 'texts per step', wholeNumber(1), 32)
    .option(
      '--rows-per-intent <n>',
      'train on fewer rows: faster, less accurate',
      wholeNumber(1),
      40,
    )
    .option('--no-onnxruntime', 'do not compare with ONNX Runtime')
    .addHelpText(
      'after',
      '\nExamples:\n  $ sinter quickstart\n  $ sinter quickstart --rows-per-intent 5 --epochs 1 --out /tmp/look\n',
    )
    .action((options: QuickstartOptions) => quickstart(options, surroundings));
  withCommon(withThreads(command));
}

async function quickstart(options: QuickstartOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  const { onnxruntime, threads, json, quiet, ...settings } = options;
  // Loaded here, because the report's charts take longer to load than any other command takes to start.
  const { runQuickstart } = await import('../quickstart/run.js');
  const result = await runQuickstart(
    {
      ...settings,
      threads,
      compare: onnxruntime !== false,
      command: ['sinter', ...surroundings.args].join(' '),
    },
    out,
  );
  out.json(result);
}
