/** `sinter baseline`: what the training rows of a model are like, for a server that watches for drift. */
import type { Command } from 'commander';
import { formatNumber, formatPercent } from '../../core/units.js';
import { readRows } from '../../data/index.js';
import { checkFile } from '../../files/index.js';
import { type Baseline, writeBaseline } from '../../monitor/index.js';
import { baselineOf } from '../../server/observe/make-baseline.js';
import { type DataOptions, given, type ModelOptions, withEngine, withRows } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { DataFiles } from '../data-files.js';
import { modelOptions, modelPath, openAnyModel } from '../open-model.js';

interface BaselineOptions extends CommonOptions, DataOptions, ModelOptions {
  readonly model?: string;
  readonly data: string;
  readonly out: string;
  readonly threads?: number;
}

export function addBaseline(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('baseline')
    .summary('describe the training rows of a model, to notice drift')
    .description(
      'Counts what the training rows of a model are like: length, tokens, unknown tokens, script; for a classifier the labels that it ' +
        'gives and their probabilities, for an encoder where the vectors lie. `sinter serve` compares the requests with it. The file ' +
        'holds no text.',
    )
    .option('-m, --model <path>', 'model folder or ONNX file (default: the embedded encoder)')
    .requiredOption('--data <file>', 'rows that the model was trained on')
    .requiredOption('-o, --out <file>', 'JSON file to write')
    .addHelpText(
      'after',
      `
Examples:
  $ sinter baseline --model my-model --data train.csv --out baseline.json
  $ sinter serve my-model --baseline my-model=baseline.json
`,
    )
    .action((options: BaselineOptions) => makeFile(options, surroundings));
  withEngine(withRows(command, ['pair']));
}

async function makeFile(options: BaselineOptions, surroundings: Surroundings): Promise<void> {
  const { data, out: file, model: name, threads: lanes } = options;
  const out = new Console(surroundings, options);
  const { signal } = out;
  const files = new DataFiles(options, out);
  await checkFile(file, { inputs: [data] });
  await using model = await openAnyModel(await modelPath(name), {
    ...(await modelOptions(options)),
    ...given({ lanes }),
    signal,
  });
  const progress = out.progress('reading', null, 'rows');
  const rows = readRows(data, { ...files.read, labels: 'none' });
  let baseline: Baseline;
  try {
    const onProgress = (done: number) => progress.update(done);
    baseline = await baselineOf(model, rows, { signal, onProgress });
  } finally {
    progress.stop();
  }
  if (files.isReport) return files.report();
  await writeBaseline(baseline, file);
  out.facts(factsOf(baseline));
  if (baseline.rows < FEW_ROWS) {
    out.warn(`fewer than ${FEW_ROWS} rows: some quantities may never get a verdict`);
  }
  out.say(`baseline in ${file}`, { keepsWords: true });
  out.json({ file, ...baseline });
}

/** With fewer, chance explains an index of 0.1 of ten bins, whatever a server sees. */
const FEW_ROWS = 600;

function factsOf({ rows, quantities, embedding }: Baseline): [string, string][] {
  const facts: [string, string][] = [['rows', formatNumber(rows)]];
  for (const name of ['length', 'tokens'] as const) {
    const bins = quantities[name];
    if (bins?.kind !== 'numbers') continue;
    const [, low = 0, , middle = 0, , high = 0] = bins.quantiles;
    facts.push([
      name,
      `median ${formatNumber(middle)}; 90 % from ${formatNumber(low)} to ${formatNumber(high)}`,
    ]);
  }
  const { script, unknown } = quantities;
  if (script?.kind === 'names') {
    const share = (script.counts[0] ?? 0) / rows;
    facts.push(['script', `${script.names[0]} ${formatPercent(share, 1)}`]);
  }
  if (unknown?.kind === 'numbers') facts.push(['unknown', formatPercent(unknown.mean)]);
  if (embedding !== null) {
    facts.push(['vectors', `mean distance from their centre ${embedding.meanDistance.toFixed(3)}`]);
  }
  return facts;
}
