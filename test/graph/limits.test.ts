/**
 * What a file may ask of a graph is bounded, in the same way on both sides of the border: no size overflows, no list of nodes
 * keeps the JavaScript thread for long.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../lib/graph/limits.js';
import type { EncoderGraph, GraphNode } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { native } from '../../lib/native/native.js';

/** A token table of 16 columns and whatever follows. */
function graphOf(nodes: readonly GraphNode[], last: string, head: object = {}): EncoderGraph {
  const tables = [{ weight: 'tokens', index: 'token', offset: 0 } as const];
  return {
    format: 1,
    architecture: 'test',
    maxTokens: 8,
    vocabulary: 4,
    segments: 1,
    weights: [{ name: 'tokens', shape: [4, 16], dtype: 'f32' }],
    nodes: [{ op: 'embedding', tables, output: 'v0' }, ...nodes],
    outputs: { hidden: last },
    ...head,
  };
}

const doubled = (count: number) =>
  Array.from({ length: count }, (_, i): GraphNode => {
    return { op: 'concat', inputs: [`v${i}`, `v${i}`], output: `v${i + 1}` };
  });

const chain = (count: number) =>
  Array.from({ length: count }, (_, i): GraphNode => {
    return { op: 'normalize', input: `v${i}`, output: `v${i + 1}` };
  });

const attention = (extra: object): GraphNode[] => [
  { op: 'concat', inputs: ['v0', 'v0', 'v0'], output: 'qkv' },
  {
    op: 'attention',
    input: 'qkv',
    heads: 1,
    headDim: 16,
    scale: 1,
    dropout: 0,
    output: 'mixed',
    ...extra,
  } as GraphNode,
];

describe('sizes beyond any encoder', () => {
  const far = { keys: null, queries: null, buckets: 0, maxDistance: LIMITS.distance + 1 };
  const cases: readonly (readonly [string, EncoderGraph])[] = [
    ['a width that doubles thirteen times', graphOf(doubled(13), 'v13')],
    ['a width that doubles sixty times', graphOf(doubled(60), 'v60')],
    ['too many nodes', graphOf(chain(LIMITS.nodes), `v${LIMITS.nodes}`)],
    ['too many tokens', graphOf([], 'v0', { maxTokens: LIMITS.maxTokens + 1 })],
    ['too many segments', graphOf([], 'v0', { segments: LIMITS.segments + 1 })],
    ['too large a vocabulary', graphOf([], 'v0', { vocabulary: LIMITS.vocabulary + 1 })],
    ['too large a distance', graphOf(attention({ disentangled: far }), 'mixed')],
  ];

  it.each(cases)('%s: refused by validation and by the addon', (_, graph) => {
    const refused = (make: () => unknown) => {
      try {
        make();
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return 'accepted';
    };
    expect(refused(() => validateGraph(graph))).toBe('CORRUPT_MODEL');
    const { Program, Store } = native();
    expect(refused(() => new Program(graph, new Store(graph.weights), { trainable: false }))).toBe(
      'INTERNAL',
    );
  });

  it('the largest that are allowed are accepted by both', () => {
    const { Program, Store } = native();
    for (const graph of [graphOf(doubled(12), 'v12'), graphOf(chain(200), 'v200')]) {
      validateGraph(graph);
      new Program(graph, new Store(graph.weights), { trainable: false }).dispose();
    }
  });
});

it('the native side has the same numbers', () => {
  const header = readFileSync(new URL('../../native/program/limits.h', import.meta.url), 'utf8');
  const numbers = new Map<string, number>();
  for (const [, name = '', bits, plain] of header.matchAll(
    /constexpr int64_t (k\w+) = (?:int64_t\{1\} << (\d+)|(\d+));/g,
  )) {
    numbers.set(name, bits === undefined ? Number(plain) : 2 ** Number(bits));
  }
  expect(Object.fromEntries(numbers)).toEqual({
    kMaxNodes: LIMITS.nodes,
    kMaxTokensLimit: LIMITS.maxTokens,
    kMaxVocabulary: LIMITS.vocabulary,
    kMaxSegments: LIMITS.segments,
    kMaxTables: LIMITS.tables,
    kMaxOffset: LIMITS.offset,
    kMaxHeads: LIMITS.heads,
    kMaxWidth: LIMITS.width,
    kMaxJoined: LIMITS.joined,
    kMaxTableElements: LIMITS.table,
    kMaxDistance: LIMITS.distance,
  });
  expect(LIMITS.headDim).toBe(LIMITS.heads);
});
