/**
 * Texts for the toy graphs, runs of their exports in ONNX Runtime, and the comparison with the plain evaluation.
 *
 * Texts of many lengths share a padded batch; each must come out as if it were alone.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeededRandom } from '../../lib/core/random.js';
import type { OnnxOptions } from '../../lib/formats/onnx/onnx-options.js';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import type { EncoderGraph, OutputName } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { checkModel } from './check-model.js';
import { type ParsedModel, parseOnnx } from './parse.js';
import { evaluate, type Text } from './reference.js';
import {
  type Batch,
  type Floats,
  type Result,
  runOnnx,
  weightSource,
  withFolder,
} from './support.js';
import type { Toy } from './toys.js';

const LENGTHS = [5, 1, 24, 13];

export type Results = Readonly<Record<string, Result>>;

export function textsOf({ graph }: Toy): readonly Text[] {
  const random = new SeededRandom(9);
  return LENGTHS.map((length) => ({
    ids: Array.from({ length }, () => random.below(graph.vocabulary)),
    segments: Array.from({ length }, (_, t) => (graph.segments > 1 && t > length / 2 ? 1 : 0)),
  }));
}

/** Padded on the right with a token that real texts have too. */
export function batchOf(texts: readonly Text[]): Batch {
  const longest = Math.max(...texts.map(({ ids }) => ids.length));
  const pad = (row: readonly number[], by: number): number[] => [
    ...row,
    ...new Array<number>(longest - row.length).fill(by),
  ];
  return {
    input_ids: texts.map(({ ids }) => pad(ids, 3)),
    attention_mask: texts.map(({ ids }) =>
      pad(
        ids.map(() => 1),
        0,
      ),
    ),
    token_type_ids: texts.map(({ segments }) => pad(segments, 0)),
  };
}

const ONNX_NAMES: Partial<Record<OutputName, string>> = {
  hidden: 'last_hidden_state',
  embedding: 'sentence_embedding',
  pooled: 'pooler_output',
};

/** Numbers of ours and of ONNX Runtime, output by output, real rows only. */
export function pairs(
  toy: Toy,
  texts: readonly Text[],
  results: Results,
  weights: Floats = toy.weights,
): ReadonlyMap<string, { readonly wanted: readonly number[]; readonly got: readonly number[] }> {
  const shapes = validateGraph(toy.graph);
  const all = texts.map((text) => evaluate(toy.graph, weights, text));
  return new Map(
    Object.entries(toy.graph.outputs).map(([output, value = '']) => {
      const result = results[ONNX_NAMES[output as OutputName] ?? output];
      if (result === undefined) throw new Error(`no ${output}`);
      const perToken = shapes.get(value)?.kind !== 'sequence';
      const rowSize = (perToken ? (result.dims[1] ?? 0) : 1) * (result.dims.at(-1) ?? 0);
      const wanted = all.map((values) => [...(values.get(value)?.data ?? [])]);
      const got = wanted.map((row, i) => {
        const begin = i * rowSize;
        return [...result.data.subarray(begin, begin + row.length)];
      });
      return [output, { wanted: wanted.flat(), got: got.flat() }];
    }),
  );
}

/** Largest difference over all outputs, relative to the largest number of each; NaN counts as infinite. */
export function difference(...args: Parameters<typeof pairs>): number {
  const each = [...pairs(...args).values()].map(({ wanted, got }) => {
    const errors = wanted.map((x, i) => Math.abs(x - (got[i] ?? Number.NaN)));
    const scale = Math.max(...wanted.map(Math.abs));
    return Math.max(...errors.map((e) => (Number.isNaN(e) ? Infinity : e))) / scale;
  });
  return Math.max(...each);
}

/** Smallest cosine over all outputs. */
export function cosine(...args: Parameters<typeof pairs>): number {
  const each = [...pairs(...args).values()].map(({ wanted, got }) => {
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, x, i) => sum + x * (b[i] ?? Number.NaN), 0);
    return dot(wanted, got) / Math.sqrt(dot(wanted, wanted) * dot(got, got));
  });
  return Math.min(...each.map((c) => (Number.isNaN(c) ? -1 : c)));
}

/** Exports the toy, checks the file by our rules, and runs every batch; `asWritten` keeps ONNX Runtime from changing it. */
export async function runToy(
  toy: Toy,
  batches: readonly Batch[],
  options: Partial<OnnxOptions> & {
    readonly graph?: EncoderGraph;
    readonly asWritten?: boolean;
  } = {},
): Promise<{ readonly results: readonly Results[]; readonly parsed: ParsedModel }> {
  const { graph = toy.graph, asWritten = false, ...rest } = options;
  const session = asWritten ? ({ graphOptimizationLevel: 'disabled' } as const) : {};
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    await writeOnnx(path, graph, weightSource(graph, toy.weights), {
      precision: 'f32',
      outputs: Object.keys(graph.outputs) as OutputName[],
      producerVersion: '0',
      ...rest,
    });
    const parsed = parseOnnx(await readFile(path));
    checkModel(parsed);
    checkModel(parsed, { batch: 1, sequence: 9 });
    const results: Results[] = [];
    for (const batch of batches) results.push(await runOnnx(path, batch, session));
    return { results, parsed };
  });
}
