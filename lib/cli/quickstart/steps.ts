/**
 * The steps of the quickstart, each a function that does one thing and returns its figures.
 *
 * The rule: steps neither print nor decide; run.ts does.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileRow } from '../../data/index.js';
import { nearest } from '../../metrics/similarity.js';
import type { Classifier } from '../../models/classifier.js';
import type { Encoder } from '../../models/encoder.js';
import { loadTokenizer } from '../../tokenize/text-tokenizer.js';
import { type Comparison, compareEngines } from '../compare.js';
import { contenderFor } from '../contenders.js';
import type { OnnxRuntime } from '../onnx-runtime.js';

/** Questions as a customer might ask them; none is in the data. */
const QUERIES = ['The cash machine swallowed my card', 'Why was I charged twice for one purchase?'];
const NEIGHBOURS = 3;
/** Texts of the speed comparison: enough for a steady figure, few enough for a short run. */
const SPEED_TEXTS = 256;
const SPEED_ROUNDS = 5;

export interface Neighbours {
  readonly query: string;
  readonly neighbours: readonly { readonly text: string; readonly similarity: number }[];
}

/** The texts of `rows` that are closest in meaning to a few questions. */
export async function findNeighbours(
  encoder: Encoder,
  rows: readonly FileRow[],
  signal: AbortSignal,
): Promise<{ examples: Neighbours[]; seconds: number }> {
  const texts = rows.map(({ text }) => text);
  const start = performance.now();
  const vectors = await encoder.embed(texts, { signal });
  const seconds = (performance.now() - start) / 1000;
  const found = nearest(await encoder.embed(QUERIES, { signal }), vectors, NEIGHBOURS);
  const examples = QUERIES.map((query, i) => ({
    query,
    neighbours: (found[i] ?? []).map(({ index, score }) => ({
      text: texts[index] ?? '',
      similarity: score,
    })),
  }));
  return { examples, seconds };
}

/** The trained model in f32 and int8. */
export interface Models {
  readonly f32: Classifier;
  readonly int8: Classifier;
}

/** Bytes on disk, by the path of the file in the quickstart's folder. */
export type FileSizes = Readonly<Record<string, number>>;

export const MODEL_FILES = {
  f32: 'model/model.safetensors',
  int8: 'model-int8/model.safetensors',
  f32Onnx: 'model.onnx',
  int8Onnx: 'model-int8.onnx',
} as const;

/** Writes two model folders and two ONNX files into `folder`, and returns their sizes. */
export async function writeModels({ f32, int8 }: Models, folder: string): Promise<FileSizes> {
  await f32.save(join(folder, 'model'));
  await int8.save(join(folder, 'model-int8'));
  await f32.exportOnnx(join(folder, MODEL_FILES.f32Onnx));
  await int8.exportOnnx(join(folder, MODEL_FILES.int8Onnx));
  const sizes: Record<string, number> = {};
  for (const file of Object.values(MODEL_FILES)) {
    sizes[file] = (await stat(join(folder, file))).size;
  }
  return sizes;
}

export interface SpeedOptions {
  readonly runtime: OnnxRuntime | null;
  readonly threads: number;
  /** Model folder with the tokenizer. */
  readonly modelFolder: string;
  /** Temporary folder for files that are only measured. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/** Measures predictions per second in both precisions, of Sinter and, where it is installed, of ONNX Runtime. */
export async function measureSpeed(
  { f32, int8 }: Models,
  rows: readonly FileRow[],
  options: SpeedOptions,
): Promise<Comparison> {
  const { scratch, modelFolder, signal, ...rest } = options;
  const tokenizer = await loadTokenizer(modelFolder);
  const run = (model: Classifier) => (texts: readonly string[]) => model.logits(texts, { signal });
  return compareEngines(
    [
      await contenderFor(f32, 'f32', run(f32), scratch),
      await contenderFor(int8, 'int8', run(int8), scratch),
    ],
    {
      ...rest,
      signal,
      texts: spread(rows, SPEED_TEXTS).map(({ text }) => text),
      encode: (texts) => tokenizer.encode(texts, { maxTokens: f32.maxTokens }),
      output: 'logits',
      rounds: SPEED_ROUNDS,
    },
  );
}

/** At most `count` items, evenly spaced over the list. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  const step = items.length / count;
  return items.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
}

/** At most `count` rows of every label, in the order of the file. */
export function rowsPerLabel(rows: readonly FileRow[], count: number): FileRow[] {
  const seen = new Map<string, number>();
  return rows.filter(({ label = '' }) => {
    const number = (seen.get(label) ?? 0) + 1;
    seen.set(label, number);
    return number <= count;
  });
}
