/** `sinter enqueue`: splits a data file into jobs of a queue, which `sinter worker` does and `sinter collect` joins. */
import type { Command } from 'commander';
import { formatCount, formatNumber } from '../../core/units.js';
import type { JobSettings } from '../../worker/index.js';
import { enqueueFile } from '../../worker/index.js';
import {
  type DataOptions,
  given,
  readOptionsOf,
  usageMistake,
  wholeNumber,
  withCommon,
  withData,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { predictionsAsked, withPredictions } from '../prediction-flags.js';
import { type QueueFlags, queueOf, withQueue } from '../queue-flags.js';

interface EnqueueFlags extends CommonOptions, DataOptions, QueueFlags, JobSettings {
  readonly out?: string;
  readonly rowsPerJob?: number;
  readonly attempts?: number;
}

export function addEnqueue(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('enqueue')
    .summary('split a data file into jobs of a queue')
    .description(
      'Splits a data file (.csv, .tsv, .jsonl, .json, .parquet) into ranges of rows, and puts a job for each into a queue of BullMQ in ' +
        'Redis. `sinter worker` does them, on any number of machines that see the folder; `sinter collect` joins the results. The file is ' +
        'read to its end first. The same command again adds nothing that waits or is done, and what failed once more. Needs the packages ' +
        'bullmq and ioredis: npm install bullmq ioredis.',
    )
    .argument('<input>', 'data file, within --root')
    .option('-o, --out <dir>', 'folder for the results, within --root')
    .option('--rows-per-job <n>', 'rows of one job (default: 10000)', wholeNumber(1))
    .option(
      '--attempts <n>',
      'attempts of a job that fails by what may come right (default: 5)',
      wholeNumber(1),
    )
    .option('--dimensions <n>', 'encoders: keep this many numbers of each vector', wholeNumber(1))
    .option('--prompt-name <name>', 'encoders: prompt of the model that goes before each text');
  withQueue(withPredictions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ sinter enqueue texts.jsonl --out vectors
  $ sinter enqueue mails.csv --text-column body --out labels --queue mails --top-k 3
`,
    )
    .action((input: string, options: EnqueueFlags) => enqueue(input, options, surroundings));
  withCommon(withData(command, ['pair']));
}

async function enqueue(
  input: string,
  options: EnqueueFlags,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { out: folder, rowsPerJob, attempts, dimensions, promptName } = options;
  if (folder === undefined) throw usageMistake('give --out DIR, the folder for the results');
  const settings = { ...predictionsAsked(options), ...given({ dimensions, promptName }) };
  const report = await enqueueFile(input, {
    ...queueOf(options),
    ...{ out: folder, read: readOptionsOf(options), settings, signal: out.signal },
    ...given({ rowsPerJob, attempts }),
  });
  const { rows, jobs, added, waiting, done } = report;
  const parts = [`${formatNumber(added)} added`];
  if (waiting > 0) parts.push(`${formatNumber(waiting)} in the queue before`);
  if (done > 0) parts.push(`${formatNumber(done)} done`);
  out.say(`${formatCount(rows, 'row')} in ${formatCount(jobs, 'job')}: ${parts.join(', ')}`);
  out.json(report);
}
