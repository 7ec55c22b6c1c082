/**
 * Shared by the ONNX tests: checkpoints as graphs and weights, ONNX Runtime as the judge, a structural view.
 *
 * Quantization is spelled here once more, plainly, so that these tests depend on no kernel.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { graphFromCheckpoint } from '../../lib/architectures/index.js';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import type { QuantizedWeight, WeightSource } from '../../lib/formats/onnx/weights.js';
import type { GraphRequest } from '../../lib/graph/checkpoint.js';
import type { ActivationBits, EncoderGraph } from '../../lib/graph/types.js';

export type Floats = ReadonlyMap<string, Float32Array>;

export interface Model {
  readonly graph: EncoderGraph;
  readonly source: WeightSource;
}

/** Runs `use` with an empty folder that is removed afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sinter-onnx-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A model folder as a graph; every weight must be in the checkpoint. */
export async function loadModel(path: string, request: GraphRequest): Promise<Model> {
  const folder = await readHfFolder(path);
  try {
    const { graph, sources } = graphFromCheckpoint(folder, request);
    const weights = new Map<string, Float32Array>();
    for (const { name } of graph.weights) {
      const chunks: Uint8Array[] = [];
      const stored = sources.get(name) ?? '';
      for await (const chunk of folder.weights.readChunks(stored, 1 << 20)) {
        chunks.push(Uint8Array.from(chunk));
      }
      weights.set(name, new Float32Array(Uint8Array.from(Buffer.concat(chunks)).buffer));
    }
    return { graph, source: weightSource(graph, weights) };
  } finally {
    await folder.close();
  }
}

/** Answers from f32 weights in memory; `s8` quantizes on the way. */
export function weightSource(graph: EncoderGraph, weights: Floats): WeightSource {
  const find = (name: string): Float32Array => weights.get(name) ?? new Float32Array(0);
  return {
    f32: async (name) => find(name),
    s8: async (name) => {
      const rows = graph.weights.find((spec) => spec.name === name)?.shape[0] ?? 0;
      return quantizeRows(find(name), rows);
    },
  };
}

/** The same graph with s8 weights in every linear node, and in the embedding tables when `tables`. */
export function quantizedGraph(
  graph: EncoderGraph,
  tables: boolean,
  activationBits: ActivationBits = 8,
): EncoderGraph {
  const names = graph.nodes.flatMap((node) => {
    if (node.op === 'linear') return node.weights;
    return node.op === 'embedding' && tables ? node.tables.map((table) => table.weight) : [];
  });
  const quantized = new Set(names);
  const weights = graph.weights.map((spec) =>
    quantized.has(spec.name) ? { ...spec, dtype: 's8' as const } : spec,
  );
  const nodes = graph.nodes.map((node) =>
    node.op === 'linear' ? { ...node, activationBits } : node,
  );
  return { ...graph, weights, nodes };
}

/** Symmetric s8 per row: scale = max|row| / 127, ties to even. */
export function quantizeRows(data: Float32Array, rows: number): QuantizedWeight {
  const width = data.length / rows;
  const scales = new Float32Array(rows);
  const out = new Int8Array(data.length);
  for (let row = 0; row < rows; row++) {
    const values = data.subarray(row * width, (row + 1) * width);
    const scale = Math.fround(values.reduce((max, x) => Math.max(max, Math.abs(x)), 0) / 127);
    scales[row] = scale;
    for (const [i, x] of values.entries()) {
      out[row * width + i] = scale === 0 ? 0 : Math.max(-127, Math.min(127, roundEven(x / scale)));
    }
  }
  return { data: out, scales };
}

function roundEven(x: number): number {
  const down = Math.floor(x);
  const part = x - down;
  if (part === 0.5) return down % 2 === 0 ? down : down + 1;
  return part < 0.5 ? down : down + 1;
}

export type Rows = readonly (readonly number[])[];

/** Padded on the right. */
export interface Batch {
  readonly input_ids: Rows;
  readonly attention_mask: Rows;
  readonly token_type_ids?: Rows;
}

export interface Result {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Runs a file in ONNX Runtime, one thread; inputs that the file does not have are left out. */
export async function runOnnx(
  path: string,
  batch: Batch,
  options: InferenceSession.SessionOptions = {},
): Promise<Readonly<Record<string, Result>>> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, ...options });
  try {
    const results = await session.run(feedsOf(session, batch));
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data }]) => {
        if (!(data instanceof Float32Array)) throw new Error(`${name} is not f32`);
        return [name, { dims, data }];
      }),
    );
  } finally {
    await session.release();
  }
}

function feedsOf(session: InferenceSession, batch: Batch): Record<string, Tensor> {
  const rows: Readonly<Record<string, Rows | undefined>> = { ...batch };
  return Object.fromEntries(
    session.inputNames.map((name) => {
      const values = rows[name];
      if (values === undefined) throw new Error(`the batch has no ${name}`);
      const data = BigInt64Array.from(values.flat(), (id) => BigInt(id));
      return [name, new Tensor('int64', data, [values.length, values[0]?.length ?? 0])];
    }),
  );
}

/** Row `index` of a batch alone, without its padding. */
export function singleRow(batch: Batch, index: number): Batch {
  const length = batch.attention_mask[index]?.reduce((sum, bit) => sum + bit, 0) ?? 0;
  const cut = (rows: Rows): Rows => [rows[index]?.slice(0, length) ?? []];
  return {
    input_ids: cut(batch.input_ids),
    attention_mask: cut(batch.attention_mask),
    ...(batch.token_type_ids && { token_type_ids: cut(batch.token_type_ids) }),
  };
}

/** Largest difference where `keep` holds for the row of the last axis. NaN counts as infinite. */
export function maxDifference(
  a: Float32Array,
  b: Float32Array,
  width: number,
  keep: (row: number) => boolean = () => true,
): number {
  let max = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (const [i, x] of a.entries()) {
    if (!keep(Math.floor(i / width))) continue;
    const difference = Math.abs(x - (b[i] ?? Number.NaN));
    max = Math.max(max, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return max;
}

/** Cosine of each row of two [rows, width] matrices. */
export function rowCosines(a: Float32Array, b: Float32Array, width: number): number[] {
  return Array.from({ length: a.length / width }, (_, row) => {
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = row * width; i < (row + 1) * width; i++) {
      const [x, y] = [a[i] ?? 0, b[i] ?? 0];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return dot / Math.sqrt(aa * bb);
  });
}
