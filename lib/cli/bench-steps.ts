/**
 * The steps of `sinter bench`: against ONNX Runtime, against transformers.js, and with other settings.
 *
 * Each step measures, prints its table and returns its part of the JSON document, or null when there is nothing to measure.
 */
import { throwIfAborted } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { formatNumber, formatPercent } from '../core/units.js';
import { tokenRunner } from '../models/token-runner.js';
import { type Advice, advise, adviseBatches, type Fidelity, NOISY } from './advice.js';
import { type Comparison, type Contender, compareEngines } from './compare.js';
import {
  agreementLines,
  batchTable,
  comparisonTable,
  laneTable,
  pipelineTable,
} from './compare-table.js';
import type { Console } from './context.js';
import { fidelityOf } from './fidelity.js';
import { findOnnxRuntime } from './onnx-runtime.js';
import { modelOptions, type OpenModel } from './open-model.js';
import { type BatchSpeed, type LaneSpeed, SettingsBench } from './settings.js';
import {
  findTransformersJs,
  measurePipelines,
  type PipelineSpeed,
  poolsAlike,
} from './transformers-js.js';

/** The command's options that the steps read. */
export interface StepOptions {
  readonly model?: string;
  readonly rounds: number;
  readonly onnxruntime?: boolean;
  readonly transformers?: boolean;
  readonly settings?: boolean;
}

/** What the steps share. */
export interface Bench {
  readonly options: StepOptions;
  readonly out: Console;
  readonly opened: OpenModel;
  readonly texts: readonly string[];
  readonly threads: number;
  /** f32 and int8, or int8 alone where the folder is quantized. */
  readonly contenders: readonly Contender[];
  /** Temporary folder for exported files. */
  readonly scratch: string;
}

export interface Settings {
  readonly lanes: readonly LaneSpeed[];
  readonly batches: readonly BatchSpeed[];
  readonly advice: Advice;
}

export interface Pipelines {
  readonly version: string;
  readonly speeds: readonly PipelineSpeed[];
  /** Lowest cosine between the vectors of transformers.js and Sinter, by precision; encoders only. */
  readonly lowestCosine: Readonly<Record<string, number>>;
}

/** Runs a step beside its progress bar. */
async function withProgress<T>(
  { out }: Bench,
  label: string,
  step: (onProgress: (share: number) => void) => Promise<T>,
): Promise<T> {
  const progress = out.progress(label, 1000);
  try {
    const result = await step((share) => progress.update(Math.round(share * 1000)));
    progress.finish();
    return result;
  } catch (error) {
    progress.stop();
    throw error;
  }
}

/** Measures every contender in interleaved rounds with ONNX Runtime. */
export async function compare(
  shared: Bench,
  about: { readonly cpu: string; readonly isa: string },
): Promise<{ comparison: Comparison; version: string | null }> {
  const { options, out, opened, texts, threads, contenders } = shared;
  const runtime = options.onnxruntime === false ? null : await findOnnxRuntime();
  const output = opened.kind === 'encoder' ? 'sentence_embedding' : 'logits';
  const { tokenize } = tokenRunner(
    opened.model,
    opened.kind === 'encoder' ? 'embedding' : 'logits',
  );
  const comparison = await withProgress(shared, 'measuring', (onProgress) =>
    compareEngines(contenders, {
      texts,
      encode: (all) => tokenize(all),
      ...{ runtime, output, threads, rounds: options.rounds },
      ...{ signal: out.signal, onProgress },
    }),
  );
  const version = runtime?.version ?? null;
  const kind = opened.kind === 'encoder' ? 'vectors' : 'labels';
  const isWanted = options.onnxruntime !== false;
  printComparison(comparison, { ...about, kind, version, isWanted }, out);
  return { comparison, version };
}

/** Measures transformers.js on the first file of each precision; null without it, or where it cannot pool as the model does. */
export async function againstPipelines(
  shared: Bench,
  comparison: Comparison,
): Promise<Pipelines | null> {
  const { options, out, opened, texts, threads, contenders, scratch } = shared;
  const transformers = options.transformers === false ? null : await findTransformersJs();
  if (transformers === null) return null;
  const info = await opened.model.info();
  const { pooling, normalized } = info;
  if (!poolsAlike(info)) {
    const steps = [...(pooling ?? []), ...info.modules].join(', ');
    out.note(`transformers.js cannot do ${steps}: it is left out`);
    return null;
  }
  const output = opened.kind === 'encoder' ? 'embedding' : 'logits';
  const { offsets } = await tokenRunner(opened.model, output).tokenize(texts);
  const lengths = texts.map((_, i) => (offsets[i + 1] ?? 0) - (offsets[i] ?? 0));
  const speeds: PipelineSpeed[] = [];
  const lowestCosine: Record<string, number> = {};
  for (const { precision, files, run } of contenders) {
    const ours = opened.kind === 'encoder' ? await run(texts) : null;
    const take = (index: number, vector: Float32Array) => {
      const { lowestCosine: found } = fidelityOf([ours?.row(index) ?? vector], [vector]);
      lowestCosine[precision] = Math.min(lowestCosine[precision] ?? 1, found);
    };
    const request = {
      write: (folder: string) => opened.model.exportOnnxFolder(folder, { precisions: ['f32'] }),
      ...{ onnx: files[0]?.path ?? '', precision, kind: opened.kind },
      ...{ pooling, normalize: normalized, threads, texts, lengths, scratch },
      ...{ signal: out.signal, ...(ours !== null && { take }) },
    };
    try {
      speeds.push(...(await measurePipelines(transformers, request)));
    } catch (error) {
      throwIfAborted(out.signal, 'bench');
      // A failure of another engine says nothing about Sinter, so it is only noted.
      const reason = error instanceof Error ? error.message : String(error);
      out.note(`transformers.js cannot run this model, it is left out: ${reason}`);
      return null;
    }
  }
  out.print(`\ntransformers.js ${transformers.version}, one pass\n\n`);
  out.table(pipelineTable(speeds, comparison.speeds));
  out.print('\n');
  for (const [precision, cosine] of Object.entries(lowestCosine)) {
    out.say(`agreement ${precision}: lowest cosine ${cosine.toFixed(6)}`);
  }
  return { version: transformers.version, speeds, lowestCosine };
}

/** Agreement of Sinter's int8 and f32 results; null where there is only one of them. */
export async function ownFidelity({ contenders, texts }: Bench): Promise<Fidelity | null> {
  const [first, second] = contenders;
  if (first === undefined || second === undefined) return null;
  const [f32, int8] = [await first.run(texts), await second.run(texts)];
  const rows = (matrix: Matrix) => texts.map((_, i) => matrix.row(i));
  return fidelityOf(rows(f32), rows(int8));
}

/** Measures lanes, precisions and batch sizes, and advises on them. */
export async function trySettings(
  shared: Bench,
  { tokens }: Comparison,
  fidelity: Fidelity | null,
): Promise<Settings | null> {
  const { options, out, opened, texts, threads, contenders } = shared;
  if (options.settings === false) return null;
  const precisions = contenders.map(({ precision }) => precision);
  const { lanes, batches, advice } = await withProgress(shared, 'settings', async (onProgress) => {
    let before = 0;
    const bench = await SettingsBench.start({
      ...{
        model: options.model,
        choice: await modelOptions(options),
        texts,
        tokens,
        threads,
        precisions,
      },
      ...{ quantize: precisions.length > 1, rounds: options.rounds, signal: out.signal },
      onProgress: (share) => onProgress(before + share / 2),
    });
    try {
      const lanes = await bench.lanes();
      before = 0.5;
      const first = advise(opened.kind, lanes, fidelity);
      const batches = await bench.batches(first.lanes, first.precision);
      return { lanes, batches, advice: adviseBatches(first, batches) };
    } finally {
      await bench.close();
    }
  });
  out.print('\n');
  out.table(laneTable(lanes));
  const where = `${advice.lanes} lane${advice.lanes === 1 ? '' : 's'}, ${advice.precision}`;
  out.print(`\nbatcher on ${where}, always full\n\n`);
  out.table(batchTable(batches));
  out.print('\n');
  out.print('use\n', 'heading');
  for (const reason of advice.reasons) out.say(reason, { first: '  ' });
  if (advice.spread > NOISY) {
    const apart = formatPercent(advice.spread, 0);
    out.warn(`rounds of one setting lay ${apart} apart: measure again on a quiet machine`);
  }
  return { lanes, batches, advice };
}

function printComparison(
  comparison: Comparison,
  about: {
    readonly cpu: string;
    readonly isa: string;
    readonly kind: 'labels' | 'vectors';
    readonly version: string | null;
    /** Whether ONNX Runtime was to be measured. */
    readonly isWanted: boolean;
  },
  out: Console,
): void {
  const { texts, tokens, rounds, threads } = comparison;
  out.say(
    `${about.cpu}, ${about.isa}, ${threads} thread${threads === 1 ? '' : 's'}; ` +
      `${formatNumber(texts)} texts, ${formatNumber(tokens)} tokens, median of ${rounds} rounds`,
  );
  out.print('\n');
  out.table(comparisonTable(comparison));
  const lines = agreementLines(comparison, about.kind);
  if (lines.length > 0) out.print('\n');
  for (const line of lines) out.say(`agreement ${line}`);
  if (about.version === null && about.isWanted)
    out.note('onnxruntime-node is not installed: nothing to compare with');
}
