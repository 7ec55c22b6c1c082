/**
 * The importance of units: the values of test/fixtures/compression/fisher.json, rows that depend on nothing but themselves,
 * layers that share units, and losses without labels.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type GradientImportance,
  gradientImportance,
  type UnitScores,
} from '../../lib/compress/importance.js';
import { maskWeights, segmentTypes, withTextSegments } from '../../lib/compress/mask-weights.js';
import { projectedTerm, type RowLoss } from '../../lib/compress/row-losses.js';
import { SeededRandom } from '../../lib/core/random.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { withUnitMasks } from '../../lib/graph/rewrite/unit-masks.js';
import { outputWidth, runBatch, someTexts } from '../../lib/runtime/forward.js';
import { deriveProgram, disposeProgram } from '../../lib/runtime/program.js';
import { Golden } from '../parity/golden.js';

const at = (name: string) =>
  fileURLToPath(new URL(`../fixtures/compression/${name}`, import.meta.url));
const fisher = JSON.parse(readFileSync(at('fisher.json'), 'utf8')) as {
  readonly head_importance: readonly (readonly number[])[];
  readonly neuron_importance: readonly (readonly number[])[];
};

function entropy(labels: readonly number[], output = 'logits'): RowLoss {
  const term = (begin: number, end: number) =>
    ({
      kind: 'cross_entropy',
      output,
      weight: 1,
      targets: Int32Array.from(labels.slice(begin, end)),
    }) as const;
  return { kind: 'labels', term };
}

/** The importances of the rows [begin, end) of a fixture. */
async function importance(
  golden: Golden,
  loss: RowLoss,
  [begin, end] = [0, golden.json.lengths.length],
  output: 'logits' | 'hidden' | 'embedding' = 'logits',
): Promise<GradientImportance> {
  const batch = someTexts(golden.batch, begin, end);
  return golden.parts.program.use('test', (program) =>
    gradientImportance(golden.parts.graph, program, { batch, output, loss }, { where: 'test' }),
  );
}

function expectClose(found: UnitScores, wanted: UnitScores, relative: number): void {
  for (const part of ['heads', 'neurons'] as const) {
    expect(found[part].length).toBe(wanted[part].length);
    for (const [layer, numbers] of wanted[part].entries()) {
      const most = Math.max(...numbers.map(Math.abs));
      const own = found[part][layer] ?? new Float64Array();
      expect(own.length).toBe(numbers.length);
      for (const [i, number] of numbers.entries()) {
        expect(Math.abs((own[i] ?? Number.NaN) - number)).toBeLessThan(relative * most);
      }
    }
  }
}

describe('the Fisher fixture', () => {
  it('has the gradients of each row and their sums of squares', async () => {
    const golden = await Golden.open('bert-seqcls');
    const found = await importance(golden, entropy([0, 1, 2, 0]));
    const lists = (rows: readonly (readonly number[])[]) =>
      rows.map((row) => Float64Array.from(row));
    const wanted = {
      heads: lists(fisher.head_importance),
      neurons: lists(fisher.neuron_importance),
    };
    expectClose(found.fisher, wanted, 2e-6);
    const tensors = await openSafetensors(at('fisher.safetensors'));
    const gradients = {
      heads: await layersOf(tensors, 'head_gradients', 4),
      neurons: await layersOf(tensors, 'neuron_gradients', 64),
    };
    expect(found.gradients.samples).toBe(4);
    expectClose(found.gradients, gradients, 2e-6);
    const taylor = (width: number) => (vectors: Float64Array) =>
      Float64Array.from({ length: width }, (_, u) =>
        [0, 1, 2, 3].reduce((sum, row) => sum + Math.abs(vectors[row * width + u] ?? 0), 0),
      );
    const sizes = {
      heads: gradients.heads.map(taylor(4)),
      neurons: gradients.neurons.map(taylor(64)),
    };
    expectClose(found.taylor, sizes, 2e-6);
  });

  it('gives each row what it gives alone, in any batch', async () => {
    const golden = await Golden.open('bert-seqcls');
    const labels = [0, 1, 2, 0];
    const whole = await importance(golden, entropy(labels));
    for (const row of [0, 1, 2, 3]) {
      const alone = await importance(golden, entropy(labels.slice(row, row + 1)), [row, row + 1]);
      for (const part of ['heads', 'neurons'] as const) {
        for (const [layer, own] of alone.gradients[part].entries()) {
          const rows = whole.gradients[part][layer]?.subarray(
            row * own.length,
            (row + 1) * own.length,
          );
          for (const [u, number] of own.entries()) expect(rows?.[u]).toBeCloseTo(number, 6);
        }
      }
    }
  });
});

/** [rows, layers, units] -> per layer [rows * units]. */
async function layersOf(
  tensors: Awaited<ReturnType<typeof openSafetensors>>,
  name: string,
  units: number,
): Promise<readonly Float64Array[]> {
  const all = await tensors.readFloats(name);
  return [0, 1].map((layer) =>
    Float64Array.from({ length: 4 * units }, (_, i) => {
      const [row, unit] = [Math.floor(i / units), i % units];
      return all[(row * 2 + layer) * units + unit] ?? Number.NaN;
    }),
  );
}

/** v . hidden of one text after the mask of one unit, in one text, changed by `by`. */
async function shifted(
  golden: Golden,
  v: Float32Array,
  unit: { readonly part: 'heads' | 'neurons'; readonly layer: number; readonly index: number },
  by: number,
): Promise<number> {
  const { graph, program } = golden.parts;
  const [text, texts, types] = [1, golden.json.lengths.length, segmentTypes(golden.batch)];
  const made = withUnitMasks(graph, 'hidden', texts, types);
  return program.use('test', async ({ store }) => {
    const written = maskWeights(made, texts, types, store);
    const { layer, part, index } = unit;
    const mask = made.masks.find((m) => m.part === part && m.layer === layer);
    const table = written.get(mask?.weight ?? '') as Float32Array;
    const { headDim = 1 } = graph.nodes.find((node) => node.op === 'attention') ?? {};
    const width = part === 'heads' ? headDim : 1;
    for (let type = 0; type < types; type++) {
      const first = (text * types + type) * (mask?.columns ?? 0) + index * width;
      table.fill(1 + by, first, first + width);
    }
    const copy = await deriveProgram(made.graph, store, { trainable: false }, { written });
    const hidden = new Float32Array(golden.batch.ids.length * outputWidth(graph, 'hidden'));
    const batch = withTextSegments(golden.batch, types);
    await runBatch(copy, batch, 'hidden', hidden, { where: 'test', signal: undefined });
    disposeProgram(copy);
    return hidden.reduce((sum, value, i) => sum + value * (v[i] ?? 0), 0);
  });
}

describe('importance without labels', () => {
  it.each(['albert', 'modernbert', 'mpnet'])(
    'of %s has the gradients of finite differences at the masks',
    async (name) => {
      const golden = await Golden.open(name);
      const rows = golden.json.lengths.length;
      const found = await importance(
        golden,
        { kind: 'projections', count: 1, seed: 5 },
        [0, rows],
        'hidden',
      );
      const width = outputWidth(golden.parts.graph, 'hidden');
      const own = {
        begin: 0,
        end: rows,
        offsets: golden.batch.offsets,
        kind: 'token',
        width,
      } as const;
      const v = projectedTerm('hidden', own, new SeededRandom(5)).term.targets as Float32Array;
      const places = [
        { part: 'heads', layer: 0, index: 1 },
        { part: 'neurons', layer: 0, index: 5 },
      ] as const;
      for (const place of places) {
        const vectors = found.gradients[place.part][0] as Float64Array;
        const gradient = vectors[vectors.length / rows + place.index] ?? Number.NaN;
        const step = 1e-2;
        const up = await shifted(golden, v, place, step);
        const down = await shifted(golden, v, place, -step);
        const difference = (up - down) / (2 * step);
        expect(Math.abs(difference - gradient)).toBeLessThan(2e-3 + 2e-2 * Math.abs(gradient));
      }
      const { heads } = found.fisher;
      expect(heads[1] === heads[0]).toBe(name === 'albert');
    },
  );

  it('is the same for the same seed, and another for another one', async () => {
    const golden = await Golden.open('bert-seqcls');
    const drawn = (seed: number) =>
      importance(golden, { kind: 'drawn', loss: 'cross_entropy', seed });
    const [first, again, other] = [await drawn(1), await drawn(1), await drawn(4)];
    expect(again).toEqual(first);
    expect(other.fisher).not.toEqual(first.fisher);
  });

  it('estimates, with many draws, the Fisher matrix that all labels give by their probabilities', async () => {
    const golden = await Golden.open('bert-seqcls');
    const logits = await golden.run('logits', 'sequence');
    const probabilities = [0, 1, 2, 3].map((row) => {
      const own = [...logits.subarray(3 * row, 3 * row + 3)].map(Math.exp);
      const sum = own.reduce((a, b) => a + b, 0);
      return own.map((value) => value / sum);
    });
    let exact = 0;
    for (const label of [0, 1, 2]) {
      const { gradients } = await importance(golden, entropy([label, label, label, label]));
      for (const [row, own] of probabilities.entries()) {
        exact += (own[label] ?? 0) * (gradients.heads[0]?.[4 * row] ?? 0) ** 2;
      }
    }
    let mean = 0;
    const draws = 200;
    for (let seed = 0; seed < draws; seed++) {
      const found = await importance(golden, { kind: 'drawn', loss: 'cross_entropy', seed });
      mean += (found.fisher.heads[0]?.[0] ?? 0) / draws;
    }
    expect(Math.abs(mean / exact - 1)).toBeLessThan(0.25);
  });
});
