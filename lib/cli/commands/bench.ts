/**
 * `sinter bench`: speed on the user's own texts against the engines that are installed, and which settings to use.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Matrix } from '../../core/matrix.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  readOptionsOf,
  wholeNumber,
  withData,
  withEngine,
} from '../arguments.js';
import { againstPipelines, compare, ownFidelity, trySettings } from '../bench-steps.js';
import type { Contender } from '../compare.js';
import { contenderFor } from '../contenders.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { machine } from '../machine.js';
import { modelOptions, type OpenModel, openModel } from '../open-model.js';
import { SAMPLE_TEST } from '../sample.js';
import { textSource } from '../text-source.js';

interface BenchOptions extends CommonOptions, DataOptions, ModelOptions {
  readonly model?: string;
  readonly texts: string;
  readonly limit: number;
  readonly rounds: number;
  readonly threads?: number;
  readonly onnxruntime?: boolean;
  readonly transformers?: boolean;
  readonly settings?: boolean;
}

export function addBench(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('bench')
    .summary('measure speed on your texts')
    .description(
      'Measures tokens per second in f32 and int8, and, where onnxruntime-node is installed, of ONNX ' +
        'Runtime with the same model, texts and threads: its best of batch sizes 1, 8 and 32, sorted by ' +
        'length. Rounds are interleaved; the median counts. Tokenization is included on both sides. ' +
        'transformers.js, where it is installed, is measured as it is usually called. At the end, lanes, ' +
        'precision and the size of a batch are tried and the settings to use are named.',
    )
    .option('-m, --model <dir>', 'model folder (default: the embedded all-MiniLM-L6-v2)')
    .addOption(
      new Option('--texts <file>', 'file of texts to run').default(
        SAMPLE_TEST,
        '770 bank questions',
      ),
    )
    .option('--limit <n>', 'use at most this many texts, spread over the file', wholeNumber(1), 512)
    .option('--rounds <n>', 'measured passes of each engine', wholeNumber(1), 5)
    .option('--no-onnxruntime', 'leave ONNX Runtime out')
    .option('--no-transformers', 'leave transformers.js out')
    .option('--no-settings', 'do not try lanes and batch sizes')
    .addHelpText('after', '\nExample:\n  $ sinter bench --texts queries.txt --threads 1\n')
    .action((options: BenchOptions) => bench(options, surroundings));
  withEngine(withData(command, []));
}

async function bench(options: BenchOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  const texts = await readTexts(options, out);
  const opened = await openModel(
    options.model,
    given({ lanes: options.threads, ...(await modelOptions(options)), signal: out.signal }),
  );
  await using model = opened.model;
  const scratch = await mkdtemp(join(tmpdir(), 'sinter-bench-'));
  try {
    const { threads, cpu, isa } = machine();
    const isInt8 = model.quantization !== null;
    await using small = isInt8 ? null : await opened.model.quantize({ signal: out.signal });
    const contenders = [
      await contenderFor(model, isInt8 ? 'int8' : 'f32', runnerOf(opened.model, out), scratch),
      ...(small === null ? [] : [await contenderFor(small, 'int8', runnerOf(small, out), scratch)]),
    ];
    const shared = { options, out, opened, texts, threads, contenders, scratch };
    const { comparison, version } = await compare(shared, { cpu, isa });
    const pipelines = await againstPipelines(shared, comparison);
    const fidelity = await ownFidelity(shared);
    const settings = await trySettings(shared, comparison, fidelity);
    out.json({
      ...{ cpu, isa, onnxruntime: version, ...comparison },
      ...{ transformersJs: pipelines, fidelity, settings },
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** An even selection of the texts where there are too many. */
async function readTexts(options: BenchOptions, out: Console): Promise<string[]> {
  const source = textSource({
    texts: [],
    input: options.texts,
    read: { ...readOptionsOf(options), labels: 'none', signal: out.signal },
    onColumns: (columns) => {
      if (options.texts !== SAMPLE_TEST) out.noteColumns(columns);
    },
    onSource: (source) => out.noteSource(source),
  });
  const all: string[] = [];
  for await (const text of source.open()) if (typeof text === 'string') all.push(text);
  const step = Math.max(1, all.length / options.limit);
  const count = Math.min(all.length, options.limit);
  return Array.from({ length: count }, (_, i) => all[Math.floor(i * step)] ?? '');
}

function runnerOf(model: OpenModel['model'], out: Console): Contender['run'] {
  const options = { signal: out.signal };
  return (texts): Promise<Matrix> =>
    'embed' in model ? model.embed(texts, options) : model.logits(texts, options);
}
