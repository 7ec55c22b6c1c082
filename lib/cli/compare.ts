/**
 * Compares the speed of Sinter and of ONNX Runtime on the same texts, and their results.
 *
 * The rule: both sides get texts and give results, tokenizing with the same tokenizer, on equal threads; for ONNX Runtime the
 * fastest of several files and batch sizes counts.
 */
import { throwIfAborted } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { cosine } from '../metrics/comparisons.js';
import { argmax } from '../metrics/logits.js';
import type { EncodedTexts } from '../tokenize/text-tokenizer.js';
import { type Candidate, measure, type Timing } from './measure.js';
import { OnnxPeer, type OnnxRuntime } from './onnx-runtime.js';

/** Batch sizes that a user of an engine with padding would try. */
const BATCH_SIZES = [1, 8, 32] as const;

/** One precision of a model, and its files for ONNX Runtime. */
export interface Contender {
  readonly precision: 'f32' | 'int8';
  /** All texts through Sinter, one row of results each. */
  run(texts: readonly string[]): Promise<Matrix>;
  /** .onnx files of the same model; `form` describes the variant. */
  readonly files: readonly { readonly form: string; readonly path: string }[];
}

export interface CompareOptions {
  readonly texts: readonly string[];
  readonly encode: (texts: readonly string[]) => Promise<EncodedTexts>;
  /** null: only Sinter is measured. */
  readonly runtime: OnnxRuntime | null;
  /** Name of the output of the .onnx files that corresponds to `run`. */
  readonly output: string;
  readonly threads: number;
  readonly rounds: number;
  readonly signal?: AbortSignal;
  /** Called now and then with the share of the work done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface EngineSpeed {
  readonly engine: 'sinter' | 'onnxruntime';
  readonly precision: string;
  readonly tokensPerSecond: number;
  readonly textsPerSecond: number;
  /** Milliseconds of each round. */
  readonly rounds: readonly number[];
  /** onnxruntime: the fastest file and batch size. */
  readonly setting?: string;
}

/** How well the results of both engines agree. */
export interface Agreement {
  readonly precision: string;
  /** Share of texts whose largest value is at the same index (the same predicted label). */
  readonly sameTop: number;
  readonly largestDifference: number;
  readonly lowestCosine: number;
}

export interface Comparison {
  readonly texts: number;
  readonly tokens: number;
  readonly rounds: number;
  readonly threads: number;
  readonly speeds: readonly EngineSpeed[];
  readonly agreements: readonly Agreement[];
}

interface ChosenPeer {
  readonly peer: OnnxPeer;
  readonly batch: number;
  readonly setting: string;
}

/** A candidate and the engine that it belongs to. */
interface Entry extends Candidate {
  readonly engine: EngineSpeed['engine'];
  readonly precision: string;
}

/**
 * Measures every contender. Takes (rounds + 1) passes of all engines, and one more for each file and batch size that is tried.
 */
export async function compareEngines(
  contenders: readonly Contender[],
  options: CompareOptions,
): Promise<Comparison> {
  const { texts, encode, runtime, threads, rounds, signal } = options;
  const tokens = await encode(texts);
  const tick = ticker(contenders, options);
  const peers: OnnxPeer[] = [];
  const agreements: Agreement[] = [];
  const entries: Entry[] = [];
  try {
    for (const contender of contenders) {
      const { precision } = contender;
      const run = async () => void (await contender.run(texts));
      entries.push({ engine: 'sinter', precision, name: '', run });
      if (runtime === null) continue;
      agreements.push(await agree(runtime, contender, tokens, options));
      const chosen = await choosePeer(runtime, contender, options, tick);
      if (chosen === null) continue;
      const { peer, batch, setting } = chosen;
      peers.push(peer);
      const runPeer = async () => peer.run(await encode(texts), batch);
      entries.push({ engine: 'onnxruntime', precision, name: setting, run: runPeer });
    }
    const timings = await measure(entries, { rounds, onRun: tick, ...(signal && { signal }) });
    const speeds = entries.map((entry, i) => speedOf(entry, timings[i], texts, tokens));
    return { texts: texts.length, tokens: tokens.ids.length, rounds, threads, speeds, agreements };
  } finally {
    for (const peer of peers) await peer.close();
  }
}

function speedOf(
  { engine, precision, name }: Entry,
  timing: Timing | undefined,
  texts: readonly string[],
  tokens: EncodedTexts,
): EngineSpeed {
  const perSecond = 1000 / (timing?.medianMs ?? Number.NaN);
  return {
    engine,
    precision,
    tokensPerSecond: tokens.ids.length * perSecond,
    textsPerSecond: texts.length * perSecond,
    rounds: timing?.rounds ?? [],
    ...(name !== '' && { setting: name }),
  };
}

/** Opens each file, runs each batch size once, and keeps the fastest session open. */
async function choosePeer(
  runtime: OnnxRuntime,
  { files }: Contender,
  { texts, encode, output, threads, signal }: CompareOptions,
  tick: () => void,
): Promise<ChosenPeer | null> {
  let best: (ChosenPeer & { readonly took: number }) | null = null;
  for (const { form, path } of files) {
    const peer = await OnnxPeer.open(runtime, path, { threads, output });
    try {
      await peer.run(await encode(texts.slice(0, 16)), 8);
      for (const batch of BATCH_SIZES) {
        throwIfAborted(signal, 'compare');
        const start = performance.now();
        await peer.run(await encode(texts), batch);
        const took = performance.now() - start;
        tick();
        if (best !== null && took >= best.took) continue;
        if (best !== null && best.peer !== peer) await best.peer.close();
        const setting = [form, `batch ${batch}`].filter((part) => part !== '').join(', ');
        best = { peer, batch, setting, took };
      }
    } catch (error) {
      await peer.close();
      if (best !== null && best.peer !== peer) await best.peer.close();
      throw error;
    }
    if (best?.peer !== peer) await peer.close();
  }
  return best;
}

/** Counts the passes that compareEngines makes. */
function ticker(contenders: readonly Contender[], options: CompareOptions): () => void {
  const { runtime, rounds, onProgress } = options;
  const tried = contenders.reduce((sum, { files }) => sum + files.length * BATCH_SIZES.length, 0);
  const engines = runtime === null ? 1 : 2;
  const all = (runtime === null ? 0 : tried) + (rounds + 1) * contenders.length * engines;
  let done = 0;
  return () => onProgress?.(Math.min(1, ++done / all));
}

/** Compares Sinter's results with those of the first file, the one that an export without options writes. */
async function agree(
  runtime: OnnxRuntime,
  { precision, run, files }: Contender,
  tokens: EncodedTexts,
  { texts, output, threads }: CompareOptions,
): Promise<Agreement> {
  const ours = await run(texts);
  const peer = await OnnxPeer.open(runtime, files[0]?.path ?? '', { threads, output });
  let same = 0;
  let largestDifference = 0;
  let lowestCosine = 1;
  try {
    await peer.run(tokens, 8, (index, theirs) => {
      const row = ours.row(index);
      if (argmax(row) === argmax(theirs)) same += 1;
      row.forEach((value, i) => {
        largestDifference = Math.max(largestDifference, Math.abs(value - (theirs[i] ?? 0)));
      });
      lowestCosine = Math.min(lowestCosine, cosine(row, theirs));
    });
  } finally {
    await peer.close();
  }
  return { precision, sameTop: same / texts.length, largestDifference, lowestCosine };
}
