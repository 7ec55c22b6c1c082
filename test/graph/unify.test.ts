// Two graphs that compute the same, whatever things are called, and the first difference of two that do not.
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { unify } from '../../lib/graph/unify.js';

interface Shape {
  readonly name?: string;
  readonly width?: number;
  readonly epsilon?: number;
  readonly dropout?: number | null;
  readonly shared?: boolean;
  readonly bias?: boolean;
  readonly pooledFirst?: boolean;
}

/** Two products over an embedding, one of them pooled. */
function graph(shape: Shape = {}): EncoderGraph {
  const { name = 'a', width = 8, epsilon = 1e-12, dropout = 0.1, shared = false } = shape;
  const b = new GraphBuilder();
  const table = { weight: `${name}.table`, rows: 10, index: 'token' } as const;
  const words = b.embedding([table], width, `${name}1`);
  const normed = b.norm(`${name}.norm`, width, epsilon, words, null, `${name}2`);
  const input = dropout === null ? normed : b.dropout(dropout, normed, `${name}3`);
  const module = (last: string) => ({
    name: `${name}.${last}`,
    inputs: width,
    outputs: width,
    bias: shape.bias ?? true,
  });
  const hidden = () => b.linear([module('first')], 'gelu', input, `${name}4`);
  const pooled = () => {
    const first = b.pool('cls', input, `${name}5`);
    return b.linear([module(shared ? 'first' : 'second')], 'gelu', first, `${name}6`);
  };
  const made = shape.pooledFirst ? [pooled(), hidden()] : [hidden(), pooled()].reverse();
  b.output('pooled', made[0] ?? '');
  b.output('hidden', made[1] ?? '');
  return b.finish({ architecture: name, maxTokens: 4, vocabulary: 10, segments: 1 });
}

const outputs = ['hidden', 'pooled'] as const;

describe('unify', () => {
  it('finds the weights of a graph with other names in another order', () => {
    const found = unify(graph(), graph({ name: 'b', pooledFirst: true }), {
      outputs,
      dropout: true,
    });
    const names = ['table', 'norm.weight', 'norm.bias', 'first.weight', 'first.bias'];
    const all = [...names, 'second.weight', 'second.bias'];
    expect(found.difference).toBeUndefined();
    expect(found.difference === undefined && [...found.weights].sort()).toEqual(
      all.map((name) => [`a.${name}`, `b.${name}`]).sort(),
    );
  });

  it('looks through dropouts when they do not matter, and only then', () => {
    const other = graph({ dropout: null });
    expect(unify(graph(), other, { outputs, dropout: false }).difference).toBeUndefined();
    expect(unify(graph(), other, { outputs, dropout: true }).difference).toMatch(/dropout/);
    const half = graph({ dropout: 0.5 });
    expect(unify(graph(), half, { outputs, dropout: true }).difference).toMatch(/0\.5/);
  });

  it('takes a float32 for the number it was', () => {
    const rounded = graph({ epsilon: Math.fround(1e-12) });
    expect(unify(graph(), rounded, { outputs, dropout: true }).difference).toBeUndefined();
  });

  it.each([
    [{ epsilon: 1e-5 }, /"epsilon":1e-12.*"epsilon":0.00001/],
    [{ width: 12 }, /is \[8, 8\], a\.(first|second)\.weight is \[12, 12\]/],
    [{ bias: false }, /"biases":1.*"biases":0/],
    [{ shared: true }, /a\.first\.\w+ is a\.(first|second)\.\w+ and a\.(first|second)/],
  ] satisfies [Shape, RegExp][])('says how %o differs', (shape, message) => {
    for (const pair of [
      [graph(), graph(shape)],
      [graph(shape), graph()],
    ] as const) {
      const { difference } = unify(pair[0], pair[1], { outputs, dropout: true });
      expect(difference).toBeDefined();
    }
    const { difference } = unify(graph(), graph(shape), { outputs, dropout: true });
    expect(difference).toMatch(message);
  });

  it('needs the outputs in both', () => {
    const { difference } = unify(graph(), graph(), { outputs: ['logits'], dropout: true });
    expect(difference).toBe('output logits is missing');
  });
});
