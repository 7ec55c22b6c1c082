/**
 * BERT in float64, one text at a time, from the weights by their Hugging Face names.
 *
 * It is written from the paper and the names alone, so that it shares nothing with the graph that it is compared with.
 */

import type { WeightSource } from '../../lib/formats/onnx/weights.js';

type Rows = number[][];

const EPSILON = 1e-12;

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? Number.NaN) * (b[i] ?? Number.NaN);
  return sum;
}

const add = (a: Rows, b: Rows): Rows =>
  a.map((row, i) => row.map((x, j) => x + (b[i]?.[j] ?? Number.NaN)));

export class PlainBert {
  constructor(
    private readonly weights: Pick<WeightSource, 'f32'>,
    /** The prefix of every weight's name: `bert.` in a model with a head. */
    private readonly prefix: string,
    private readonly heads: number,
    private readonly activation: (x: number) => number,
    private readonly layers = 2,
  ) {}

  /** Hidden values of a text of one segment, a row per token. */
  async hidden(ids: readonly number[]): Promise<Rows> {
    const width = (await this.vector('embeddings.LayerNorm.weight')).length;
    const table = async (name: string) => {
      const numbers = await this.vector(`embeddings.${name}_embeddings.weight`);
      return (row: number) => [...numbers.slice(row * width, (row + 1) * width)];
    };
    const [words, positions, segments] = await Promise.all(
      ['word', 'position', 'token_type'].map(table),
    );
    if (!words || !positions || !segments) throw new Error('no tables');
    const at = (row: (index: number) => number[], index: (i: number) => number): Rows =>
      ids.map((_, i) => row(index(i)));
    const sum = add(
      add(
        at(words, (i) => ids[i] ?? -1),
        at(positions, (i) => i),
      ),
      at(segments, () => 0),
    );
    let x = await this.norm('embeddings.LayerNorm', sum);
    for (let layer = 0; layer < this.layers; layer++) x = await this.layer(layer, x);
    return x;
  }

  private async layer(index: number, x: Rows): Promise<Rows> {
    const at = `encoder.layer.${index}`;
    const mixed = await this.attention(`${at}.attention.self`, x);
    const attended = await this.norm(
      `${at}.attention.output.LayerNorm`,
      add(await this.linear(`${at}.attention.output.dense`, mixed), x),
    );
    const wide = await this.linear(`${at}.intermediate.dense`, attended);
    const inner = wide.map((row) => row.map(this.activation));
    const down = await this.linear(`${at}.output.dense`, inner);
    return this.norm(`${at}.output.LayerNorm`, add(down, attended));
  }

  private async attention(at: string, x: Rows): Promise<Rows> {
    const [q, k, v] = await Promise.all(
      ['query', 'key', 'value'].map((name) => this.linear(`${at}.${name}`, x)),
    );
    if (!q || !k || !v) throw new Error('no projections');
    const size = (q[0]?.length ?? 0) / this.heads;
    const part = (row: readonly number[], head: number) => row.slice(head * size).slice(0, size);
    return q.map((row) =>
      Array.from({ length: this.heads }, (_, head) => {
        const query = part(row, head);
        const weights = k.map((key) => Math.exp(dot(query, part(key, head)) / Math.sqrt(size)));
        const total = weights.reduce((a, b) => a + b, 0);
        return query.map(
          (_, d) =>
            weights.reduce((sum, w, t) => sum + w * (v[t]?.[head * size + d] ?? 0), 0) / total,
        );
      }).flat(),
    );
  }

  private async linear(name: string, x: Rows): Promise<Rows> {
    const [weight, bias] = [await this.vector(`${name}.weight`), await this.vector(`${name}.bias`)];
    const inputs = weight.length / bias.length;
    return x.map((row) =>
      Array.from(bias, (b, o) => b + dot(row, weight.subarray(o * inputs, (o + 1) * inputs))),
    );
  }

  private async norm(name: string, x: Rows): Promise<Rows> {
    const [weight, bias] = [await this.vector(`${name}.weight`), await this.vector(`${name}.bias`)];
    return x.map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
      return row.map(
        (value, i) =>
          ((value - mean) / Math.sqrt(variance + EPSILON)) * (weight[i] ?? 0) + (bias[i] ?? 0),
      );
    });
  }

  private async vector(name: string): Promise<Float32Array> {
    return this.weights.f32(this.prefix + name);
  }
}
