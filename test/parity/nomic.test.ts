/**
 * Nomic BERT, which transformers 4 does not have: against a plain evaluation in float64 that knows the weights by name.
 */

import { describe, expect, it } from 'vitest';
import { familyGraph } from '../../lib/architectures/index.js';
import { SeededRandom } from '../../lib/core/random.js';
import { ensureLanes } from '../../lib/native/lanes.js';
import { runBatch } from '../../lib/runtime/forward.js';
import { buildProgram, bytesOf } from '../../lib/runtime/program.js';
import { FAMILIES } from '../architectures/parameters.js';

type Rows = number[][];
type Weights = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

const CONFIG = FAMILIES.nomic?.config ?? {};
const [WIDTH, HEADS, LAYERS, THETA, EPSILON] = [32, 4, 2, 1000, 1e-12];
const HEAD_DIM = WIDTH / HEADS;

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? Number.NaN), 0);
const add = (a: Rows, b: Rows) => a.map((row, i) => row.map((x, j) => x + (b[i]?.[j] ?? NaN)));

class Reference {
  private readonly weights: Weights;

  constructor(weights: Weights) {
    this.weights = weights;
  }

  /** Hidden values of one text. */
  hidden(ids: readonly number[], segments: readonly number[]): Rows {
    const words = this.matrix('embeddings.word_embeddings.weight');
    const kinds = this.matrix('embeddings.token_type_embeddings.weight');
    const sum = ids.map(
      (id, i) => add([words[id] ?? []], [kinds[segments[i] ?? 0] ?? []])[0] ?? [],
    );
    let x = this.norm('emb_ln', sum);
    for (let layer = 0; layer < LAYERS; layer++) {
      const at = `encoder.layers.${layer}`;
      x = this.norm(`${at}.norm1`, add(this.attention(`${at}.attn`, x), x));
      x = this.norm(`${at}.norm2`, add(this.feedForward(`${at}.mlp`, x), x));
    }
    return x;
  }

  private attention(at: string, x: Rows): Rows {
    const qkv = this.linear(`${at}.Wqkv`, x);
    const mixed = x.map((): number[] => []);
    for (let head = 0; head < HEADS; head++) {
      const part = (which: number) =>
        qkv.map((row) => row.slice(which * WIDTH + head * HEAD_DIM).slice(0, HEAD_DIM));
      const [queries, keys, values] = [part(0).map(rotated), part(1).map(rotated), part(2)];
      for (const [i, query] of queries.entries()) {
        const scores = keys.map((key) => Math.exp(dot(query, key) / Math.sqrt(HEAD_DIM)));
        const total = scores.reduce((a, b) => a + b, 0);
        for (let d = 0; d < HEAD_DIM; d++) {
          mixed[i]?.push(
            dot(
              scores,
              values.map((value) => value[d] ?? NaN),
            ) / total,
          );
        }
      }
    }
    return this.linear(`${at}.out_proj`, mixed);
  }

  /** fc2(fc11(x) * silu(fc12(x))). */
  private feedForward(at: string, x: Rows): Rows {
    const gates = this.linear(`${at}.fc12`, x);
    const gated = this.linear(`${at}.fc11`, x).map((row, i) =>
      row.map((value, j) => {
        const gate = gates[i]?.[j] ?? NaN;
        return (value * gate) / (1 + Math.exp(-gate));
      }),
    );
    return this.linear(`${at}.fc2`, gated);
  }

  private linear(name: string, x: Rows): Rows {
    const weight = this.matrix(`${name}.weight`);
    return x.map((row) => weight.map((column) => dot(row, column)));
  }

  private norm(name: string, x: Rows): Rows {
    const [weight, bias] = ['weight', 'bias'].map((part) => [
      ...(this.weights.get(`${name}.${part}`)?.data ?? []),
    ]);
    return x.map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
      const scale = 1 / Math.sqrt(variance + EPSILON);
      return row.map((v, i) => (v - mean) * scale * (weight?.[i] ?? NaN) + (bias?.[i] ?? NaN));
    });
  }

  private matrix(name: string): Rows {
    const { shape, data } = this.weights.get(name) ?? { shape: [0, 0], data: new Float32Array(0) };
    const [rows = 0, width = 0] = shape;
    return Array.from({ length: rows }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
  }
}

/** Element i turns with element i + half of its head. */
function rotated(row: readonly number[], position: number): number[] {
  const half = HEAD_DIM / 2;
  return row.map((value, i) => {
    const angle = position * THETA ** ((-2 * (i % half)) / HEAD_DIM);
    const other = i < half ? -(row[i + half] ?? NaN) : (row[i - half] ?? NaN);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

describe('Nomic BERT', () => {
  it('has the hidden values of a plain evaluation', async () => {
    ensureLanes('test', 2);
    const graph = familyGraph(CONFIG, { task: 'embedding', pooler: false });
    const random = new SeededRandom(3);
    const weights = new Map(
      graph.weights.map(({ name, shape }) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length }, () => (random.next() / 2 ** 32 - 0.5) * 1.5);
        return [name, { shape, data }];
      }),
    );
    const program = await buildProgram(graph, { trainable: false }, (made, { name }) => {
      made.writeWeight(name, 0, 'f32', bytesOf(weights.get(name)?.data ?? new Float32Array(0)));
    });
    const reference = new Reference(weights);
    const lengths = [17, 1, 40];
    const ids = lengths.map((n) => Array.from({ length: n }, () => random.next() % 320));
    const kinds = lengths.map((n) => Array.from({ length: n }, (_, i) => (i > n / 2 ? 1 : 0)));
    const batch = {
      ids: Int32Array.from(ids.flat()),
      segments: Int32Array.from(kinds.flat()),
      offsets: Int32Array.from([0, 17, 18, 58]),
    };
    const ours = new Float32Array(58 * WIDTH);
    await runBatch(program, batch, 'hidden', ours, { where: 'test', signal: undefined });
    const theirs = ids.flatMap((text, i) => reference.hidden(text, kinds[i] ?? []).flat());
    const worst = Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] ?? NaN))));
    expect(worst).toBeLessThan(1e-5);
    expect(Math.max(...theirs)).toBeGreaterThan(0.5);
    program.dispose();
  });
});
