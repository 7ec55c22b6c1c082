/**
 * Every operation of the IR in every opset: exported, checked by rules, run in ONNX Runtime, compared with the plain
 * evaluation of the graph. Texts of many lengths share a padded batch; each must come out as if it were alone.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/data/random.js';
import type { OnnxOptions } from '../../lib/formats/onnx/onnx-options.js';
import { OPSETS } from '../../lib/formats/onnx/opsets.js';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import type { OutputName } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { checkModel } from './check-model.js';
import { parseOnnx } from './parse.js';
import { evaluate, type Text } from './reference.js';
import { type Batch, type Result, runOnnx, weightSource, withFolder } from './support.js';
import { type Toy, toys } from './toys.js';

/** Of f32, relative to the largest number of an output. */
const TOLERANCE = 1e-5;

const LENGTHS = [5, 1, 24, 13];

function textsOf({ graph }: Toy): readonly Text[] {
  const random = new SeededRandom(9);
  return LENGTHS.map((length) => ({
    ids: Array.from({ length }, () => random.below(graph.vocabulary)),
    segments: Array.from({ length }, (_, t) => (graph.segments > 1 && t > length / 2 ? 1 : 0)),
  }));
}

/** Padded on the right with a token that real texts have too. */
function batchOf(texts: readonly Text[]): Batch {
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

/** Largest difference to the reference over all outputs and real rows, relative to the largest number of each. */
function difference(toy: Toy, texts: readonly Text[], results: Readonly<Record<string, Result>>) {
  const shapes = validateGraph(toy.graph);
  let worst = 0;
  for (const [output, value] of Object.entries(toy.graph.outputs)) {
    const result = results[ONNX_NAMES[output as OutputName] ?? output];
    if (result === undefined || value === undefined) throw new Error(`no ${output}`);
    const perToken = shapes.get(value)?.kind !== 'sequence';
    const sequence = perToken ? (result.dims[1] ?? 0) : 1;
    const [error, scale] = [[0], [1e-6]];
    for (const [row, text] of texts.entries()) {
      const expected = evaluate(toy.graph, toy.weights, text).get(value)?.data ?? [];
      const begin = row * sequence * (result.dims.at(-1) ?? 0);
      for (const [i, wanted] of expected.entries()) {
        const got = result.data[begin + i] ?? Number.NaN;
        error.push(Number.isNaN(got) ? Number.POSITIVE_INFINITY : Math.abs(got - wanted));
        scale.push(Math.abs(wanted));
      }
    }
    worst = Math.max(worst, Math.max(...error) / Math.max(...scale));
  }
  return worst;
}

async function run(
  toy: Toy,
  batches: readonly Batch[],
  options: Partial<OnnxOptions> = {},
): Promise<readonly Readonly<Record<string, Result>>[]> {
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    await writeOnnx(path, toy.graph, weightSource(toy.graph, toy.weights), {
      precision: 'f32',
      outputs: Object.keys(toy.graph.outputs) as OutputName[],
      producerVersion: '0',
      ...options,
    });
    const parsed = parseOnnx(await readFile(path));
    checkModel(parsed);
    checkModel(parsed, { batch: 1, sequence: 9 });
    const results: Readonly<Record<string, Result>>[] = [];
    for (const batch of batches) results.push(await runOnnx(path, batch));
    return results;
  });
}

describe.each(toys())('$name', (toy) => {
  const texts = textsOf(toy);

  it.each(OPSETS)('opset %i agrees with the graph', async (opset) => {
    const [results = {}] = await run(toy, [batchOf(texts)], { opset });
    expect(difference(toy, texts, results)).toBeLessThan(TOLERANCE);
  });

  it('each text alone', async () => {
    const results = await run(
      toy,
      texts.map((text) => batchOf([text])),
    );
    for (const [i, text] of texts.entries()) {
      expect(difference(toy, [text], results[i] ?? {}), `${i}`).toBeLessThan(TOLERANCE);
    }
  });
});
