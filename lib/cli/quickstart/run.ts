/**
 * Runs the quickstart: the main job from end to end on the data inside the package, with a line for each step.
 *
 * The rule: the folder appears when everything is in it, or not at all.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageVersion } from '../../core/package-files.js';
import { formatBytes, formatDuration, formatNumber, formatPercent } from '../../core/units.js';
import { collectLabels, type FileRow, readAllRows } from '../../data/index.js';
import { writeFolderAtomic } from '../../files/index.js';
import { checkOwnQuickstart } from '../../formats/own-folder.js';
import { Encoder } from '../../models/encoder.js';
import { renderReport } from '../../report/index.js';
import { given } from '../arguments.js';
import { agreementLines, comparisonTable } from '../compare-table.js';
import type { Console } from '../context.js';
import { machine } from '../machine.js';
import { findOnnxRuntime, type OnnxRuntime } from '../onnx-runtime.js';
import { SAMPLE_TEST, SAMPLE_TRAIN } from '../sample.js';
import { trainWithProgress } from '../train-progress.js';
import { inMemory } from '../train-rows.js';
import { agreementOf, type Findings, findingsJson, reportData } from './findings.js';
import {
  findNeighbours,
  MODEL_FILES,
  type Models,
  measureSpeed,
  rowsPerLabel,
  writeModels,
} from './steps.js';

export interface QuickstartSettings {
  readonly out: string;
  readonly seed: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly batchSize: number;
  /** Rows of each intent to train on; a quarter as many to test on. */
  readonly rowsPerIntent: number;
  readonly threads: number | undefined;
  readonly compare: boolean;
  /** The command line as the user typed it, for the report. */
  readonly command: string;
}

/** Bytes on disk for two models, each as a folder and as an ONNX file. */
const NEEDS = { total: 230e6, largest: 91e6 };
const STEPS = 6;
/** Lines of a step stand under its title. */
const INDENT = '     ';

interface Rows {
  readonly train: readonly FileRow[];
  readonly test: readonly FileRow[];
}

/** Runs all steps and writes the folder. */
export async function runQuickstart(settings: QuickstartSettings, out: Console): Promise<object> {
  const start = performance.now();
  const options = { mayReplace: checkOwnQuickstart };
  const findings = await writeFolderAtomic(settings.out, options, async (folder, place) => {
    await place.needs(NEEDS);
    const found = await new Quickstart(settings, out).run(folder, start);
    await writeFile(join(folder, 'report.html'), renderReport(reportData(found)));
    await writeFile(
      join(folder, 'quickstart.json'),
      `${JSON.stringify(findingsJson(found), null, 1)}\n`,
    );
    return found;
  });
  printEnd(findings, settings.out, out);
  return findingsJson(findings);
}

class Quickstart {
  private step = 0;

  constructor(
    private readonly settings: QuickstartSettings,
    private readonly out: Console,
  ) {}

  async run(folder: string, start: number): Promise<Findings> {
    const { settings, out } = this;
    const { signal } = out;
    const rows = await this.readRows();
    await using encoder = await Encoder.load(undefined, given({ lanes: settings.threads, signal }));
    const { cpu, isa, threads } = machine();
    const plural = threads === 1 ? '' : 's';
    out.say(`Sinter ${packageVersion()} on ${cpu}, ${isa} kernels, ${threads} thread${plural}`);
    const neighbours = await this.embed(encoder, rows);
    const labels = collectLabels(rows.train);
    await using f32 = await encoder.classifier({ labels, seed: settings.seed });
    const training = await this.train(f32, rows);
    await using int8 = await this.quantize(f32);
    const models = { f32, int8 };
    const scores = await this.evaluate(models, rows);
    const sizes = await this.export(models, folder);
    const speed = await this.compare(models, rows, folder, threads);
    return {
      version: packageVersion(),
      date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
      command: settings.command,
      seed: settings.seed,
      cpu,
      isa,
      threads,
      onnxruntime: speed.version,
      trainRows: rows.train.length,
      testRows: rows.test.length,
      neighbours,
      training,
      ...scores,
      sizes,
      comparison: speed.comparison,
      seconds: (performance.now() - start) / 1000,
    };
  }

  private async readRows(): Promise<Rows> {
    const { rowsPerIntent } = this.settings;
    const train = await readAllRows(SAMPLE_TRAIN);
    const test = await readAllRows(SAMPLE_TEST);
    return {
      train: rowsPerLabel(train, rowsPerIntent),
      test: rowsPerLabel(test, Math.ceil(rowsPerIntent / 4)),
    };
  }

  private async embed(encoder: Encoder, { train }: Rows) {
    this.title('Embed with all-MiniLM-L6-v2, the model inside the package');
    const { examples, seconds } = await findNeighbours(encoder, train, this.out.signal);
    const took = formatDuration(seconds * 1000);
    this.say(
      `${formatNumber(train.length)} customer questions to vectors in ${took}; the nearest to`,
    );
    for (const { query, neighbours } of examples) {
      this.say(`"${query}"`);
      for (const { text, similarity } of neighbours) {
        this.say(text, `${INDENT}  ${similarity.toFixed(2)}  `);
      }
    }
    return examples;
  }

  private async train(model: Models['f32'], { train, test }: Rows) {
    const { epochs, learningRate, batchSize, seed } = this.settings;
    this.title(
      `Fine-tune: ${model.labels.length} intents, ${epochs} epoch${epochs === 1 ? '' : 's'}`,
    );
    const options = { epochs, learningRate, batchSize, seed, eval: test };
    const report = await trainWithProgress(model, inMemory(train), options, this.out);
    const took = formatDuration(report.seconds * 1000);
    const speed = formatNumber(report.tokensPerSecond);
    this.say(`${formatNumber(report.rows)} rows, ${took}, ${speed} tokens/s`);
    return report;
  }

  private async quantize(model: Models['f32']) {
    this.title('Quantize to int8');
    const small = await model.quantize({ signal: this.out.signal });
    const { bytesBefore = 0, bytesAfter = 0 } = small.quantization ?? {};
    this.say(`weights ${formatBytes(bytesBefore)} -> ${formatBytes(bytesAfter)}`);
    return small;
  }

  private async evaluate({ f32, int8 }: Models, { test }: Rows) {
    this.title(`Evaluate on ${formatNumber(test.length)} rows that were not trained on`);
    const options = { signal: this.out.signal };
    const scores = {
      f32: await f32.evaluate(test, options),
      int8: await int8.evaluate(test, options),
    };
    for (const [name, { accuracy, macroF1 }] of Object.entries(scores)) {
      this.say(
        `${name.padEnd(5)} accuracy ${formatPercent(accuracy)}   macro F1 ${formatPercent(macroF1)}`,
      );
    }
    this.say(`both say the same for ${formatPercent(agreementOf(scores), 1)} of the rows`);
    return scores;
  }

  private async export(models: Models, folder: string) {
    this.title('Save, and export to ONNX');
    const sizes = await writeModels(models, folder);
    for (const file of Object.values(MODEL_FILES)) {
      this.say(`${file.padEnd(30)} ${formatBytes(sizes[file] ?? 0).padStart(8)}`);
    }
    return sizes;
  }

  private async compare(models: Models, { test }: Rows, folder: string, threads: number) {
    const { settings, out } = this;
    const runtime = settings.compare ? await findOnnxRuntime() : null;
    this.title(
      runtime === null
        ? 'Measure speed'
        : `Measure speed against onnxruntime-node ${runtime.version}, ${threads} threads each`,
    );
    const scratch = await mkdtemp(join(tmpdir(), 'sinter-quickstart-'));
    const measureWith = async (peer: OnnxRuntime | null) => {
      const progress = out.progress('measuring', 1000);
      try {
        const modelFolder = join(folder, 'model');
        const onProgress = (share: number) => progress.update(Math.round(1000 * share));
        const options = { runtime: peer, threads, modelFolder, scratch, onProgress };
        const comparison = await measureSpeed(models, test, { ...options, signal: out.signal });
        progress.finish();
        return { comparison, version: peer?.version ?? null };
      } catch (error) {
        progress.stop();
        throw error;
      }
    };
    try {
      const result = await measureWith(runtime).catch((error: unknown) => {
        // A failure of the other engine only leaves out the comparison.
        if (runtime === null || out.signal.aborted) throw error;
        this.say(`ONNX Runtime could not run the models: ${String(error)}`);
        return measureWith(null);
      });
      out.table(comparisonTable(result.comparison), INDENT.length);
      for (const line of agreementLines(result.comparison, 'labels')) this.say(line);
      if (runtime === null && settings.compare) {
        this.say('npm install onnxruntime-node, to compare with ONNX Runtime');
      }
      return result;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  private title(text: string): void {
    this.step += 1;
    this.out.print('\n');
    this.out.say(text, { first: `${this.step}/${STEPS}  `, style: 'heading' });
  }

  private say(text: string, first = INDENT): void {
    this.out.say(text, { first });
  }
}

function printEnd({ seconds }: Findings, folder: string, out: Console): void {
  out.print(`
Done in ${formatDuration(seconds * 1000)}. Open ${join(folder, 'report.html')} in a browser.

Next:
  npx sinter evaluate --model ${join(folder, 'model-int8')} --data more-rows.csv
  npx sinter train --train your-rows.csv --hold-out 0.1 --out your-model
`);
}
