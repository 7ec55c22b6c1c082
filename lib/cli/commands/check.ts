/**
 * `sinter check`: what a data file holds, and what may be wrong with it, before anything is trained on it.
 */
import { type Command, Option } from 'commander';
import { SinterError } from '../../core/errors.js';
import { describeBadRows } from '../../data/index.js';
import { KIND_NAMES } from '../../models/kinds.js';
import { withCommon, withData } from '../arguments.js';
import type { CheckOptions } from '../check-file.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';

type CheckCommandOptions = CheckOptions & CommonOptions;

export function addCheck(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('check')
    .summary('look at a data file before training on it')
    .description(
      'Shows how a data file is read (format, encoding, delimiter, columns), its labels and their counts, and what ' +
        'may be wrong: rows that cannot be used, texts that are there twice or have two labels, rare labels, labels ' +
        'that differ in spelling only, and texts that are longer than the model reads. Exit code 3 where rows cannot ' +
        'be used.',
    )
    .argument('<file>', 'data file')
    .option('-m, --model <dir>', 'model whose tokens are counted (default: all-MiniLM-L6-v2)')
    .addOption(
      new Option(
        '--task <kind>',
        'what the rows are for (default: of the model, else by the columns)',
      ).choices(KIND_NAMES),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ sinter check train.csv
  $ sinter check train.parquet --label-column coarse_label --model my-encoder
  $ sinter check ner.conll --json
`,
    )
    .action((file: string, options: CheckCommandOptions) => check(file, options, surroundings));
  withCommon(withData(command, ['pair', 'label']));
}

async function check(
  file: string,
  options: CheckCommandOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { tokenCounter } = await import('../token-lengths.js');
  const { checkFile } = await import('../check-file.js');
  const { printCheck } = await import('../check-report.js');
  const counter = await tokenCounter(options.model);
  const result = await checkFile(file, options, counter, out);
  printCheck(out.page, result);
  out.json(result);
  const { bad } = result;
  if (bad === null) return;
  throw new SinterError('INVALID_DATA', describeBadRows(bad), { details: { file } });
}
