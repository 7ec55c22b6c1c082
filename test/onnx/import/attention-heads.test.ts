/**
 * Attention and RotaryEmbedding of opset 23 in every layout: three and four axes, fewer heads of keys than of queries, part of a
 * head rotated, halves or interleaved. What is imported computes what ONNX Runtime computes from the file; the rest is refused
 * by the name of its attribute.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Encoder, OnnxModel } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { runOnnx } from '../support.js';
import { angleTables, JOINED, numbers, oneLayer, whole } from './one-layer.js';
import { floats, type NodeSpec, tensorMessage } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-heads-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const [HEADS, SIZE] = [4, 8];
const WIDTH = HEADS * SIZE;

interface Spelling {
  readonly axes: 3 | 4;
  readonly keyHeads?: number;
  /** Columns of each head that are rotated; 0: no rotation. */
  readonly rotated?: number;
  readonly interleaved?: boolean;
  /** Queries and keys are quantized weights. */
  readonly int8?: boolean;
  readonly attributes?: NodeSpec['attributes'];
}

/** Projections, rotation and attention, into `c` [batch, tokens, width]. */
function attentionNodes(spelling: Spelling): NodeSpec[] {
  const { axes, keyHeads = HEADS, rotated = SIZE, interleaved = false, int8 } = spelling;
  const headsOf = (x: string) => (x === 'q' ? HEADS : keyHeads);
  const project = (x: string): NodeSpec[] => {
    const product: NodeSpec[] = [
      ...(int8 ? [dequantized(x)] : []),
      { op: 'MatMul', inputs: ['n', `w_${x}`], outputs: [`${x}0`] },
      { op: 'Add', inputs: [`${x}0`, `b_${x}`], outputs: [axes === 3 ? x : `${x}1`] },
    ];
    if (axes === 3) return product;
    return [
      ...product,
      { op: 'Reshape', inputs: [`${x}1`, `heads_${x}`], outputs: [`${x}2`] },
      { op: 'Transpose', inputs: [`${x}2`], outputs: [x], attributes: { perm: [0, 2, 1, 3] } },
    ];
  };
  const rotate = (x: string): NodeSpec => ({
    op: 'RotaryEmbedding',
    inputs: [x, 'cos', 'sin', 'places'],
    outputs: [`${x}r`],
    attributes: {
      interleaved: interleaved ? 1 : 0,
      ...(rotated === SIZE ? {} : { rotary_embedding_dim: rotated }),
      ...(axes === 3 || rotated !== SIZE ? { num_heads: headsOf(x) } : {}),
    },
  });
  const turned = (x: string) => (rotated === 0 ? x : `${x}r`);
  return [
    ...['q', 'k', 'v'].flatMap(project),
    ...(rotated === 0 ? [] : ['q', 'k'].map(rotate)),
    {
      op: 'Attention',
      inputs: [turned('q'), turned('k'), 'v', 'mask'],
      outputs: [axes === 3 ? 'c' : 'a'],
      attributes: {
        ...(axes === 3 ? { q_num_heads: HEADS, kv_num_heads: keyHeads } : {}),
        ...spelling.attributes,
      },
    },
    ...(axes === 3 ? [] : JOINED),
  ];
}

const dequantized = (x: string): NodeSpec => ({
  op: 'DequantizeLinear',
  inputs: [`codes_${x}`, `scales_${x}`],
  outputs: [`w_${x}`],
  attributes: { axis: 1 },
});

function weightsOf({ keyHeads = HEADS, rotated = SIZE, int8 }: Spelling) {
  const widths = { q: WIDTH, k: keyHeads * SIZE, v: keyHeads * SIZE };
  const projections = Object.entries(widths).flatMap(([x, width], i) => [
    floats(`b_${x}`, [width], numbers(width, 30 + i)),
    whole(`heads_${x}`, 0, 0, width / SIZE, SIZE),
    ...(int8
      ? [
          tensorMessage(
            `codes_${x}`,
            'int8',
            [WIDTH, width],
            new Uint8Array(
              Int8Array.from(numbers(WIDTH * width, 6 + i), (v) => Math.round(v * 240)).buffer,
            ),
          ),
          floats(`scales_${x}`, [width], Array(width).fill(1 / 240)),
        ]
      : [floats(`w_${x}`, [WIDTH, width], numbers(WIDTH * width, 6 + i))]),
  ]);
  return [...projections, ...(rotated === 0 ? [] : angleTables(rotated))];
}

async function file(title: string, spelling: Spelling): Promise<string> {
  const bytes = await oneLayer(WIDTH, {
    tensors: [whole('others', 1, 3), ...weightsOf(spelling)],
    nodes: [
      // [batch, 1, queries, keys]: ONNX Runtime wants all of the queries' axis.
      { op: 'Unsqueeze', inputs: ['flags', 'axes'], outputs: ['keys'] },
      { op: 'Not', inputs: ['flags'], outputs: ['padding'] },
      { op: 'Or', inputs: ['flags', 'padding'], outputs: ['every'] },
      { op: 'Unsqueeze', inputs: ['every', 'others'], outputs: ['queries'] },
      { op: 'And', inputs: ['queries', 'keys'], outputs: ['mask'] },
      ...attentionNodes(spelling),
    ],
  });
  const path = join(folder, `${title.replaceAll(/\W+/g, '-')}.onnx`);
  await writeFile(path, bytes);
  return path;
}

const TEXTS = [[3, 7, 1, 15, 4, 2, 9], [5], [11, 11, 0, 19]];

/** Rows of the texts one after the other, as ONNX Runtime computes them in one padded batch. */
async function theirs(path: string): Promise<number[]> {
  const longest = Math.max(...TEXTS.map((text) => text.length));
  const pad = (of: (text: number[]) => number[]) =>
    TEXTS.map((text) => [...of(text), ...Array<number>(longest - text.length).fill(0)]);
  const batch = { input_ids: pad((ids) => ids), attention_mask: pad((ids) => ids.map(() => 1)) };
  // Optimized, weights in int8 would be multiplied with activations in int8.
  const asWritten = { graphOptimizationLevel: 'disabled' } as const;
  const { data } = (await runOnnx(path, batch, asWritten)).last_hidden_state ?? { data: [] };
  return TEXTS.flatMap((text, row) => [
    ...data.slice(row * longest * WIDTH, (row * longest + text.length) * WIDTH),
  ]);
}

const LAYOUTS: readonly [string, Spelling][] = ([3, 4] as const).flatMap((axes) =>
  [HEADS, 2, 1].flatMap((keyHeads) =>
    (keyHeads === 2 ? [SIZE, 4, 0] : [4]).flatMap((rotated) =>
      (rotated === 0 ? [false] : [false, true]).map((interleaved): [string, Spelling] => [
        `${axes} axes, ${keyHeads} heads of keys, ${rotated} columns rotated${interleaved ? ', interleaved' : ''}`,
        { axes, keyHeads, rotated, interleaved },
      ]),
    ),
  ),
);

describe('Attention of opset 23', () => {
  it.each(LAYOUTS)('%s', async (title, spelling) => {
    const path = await file(title, spelling);
    await using model = await OnnxModel.load(path, { cache: false });
    const ours = (await model.run(TEXTS, { output: 'hidden' })).data;
    const wanted = await theirs(path);
    expect(ours).toHaveLength(wanted.length);
    const worst = Math.max(...wanted.map((x, i) => Math.abs(x - (ours[i] ?? Number.NaN))));
    expect(worst).toBeLessThan(2e-5);
    const { nodes } = insideOf(model).parts.graph;
    const [attention] = nodes.filter(({ op }) => op === 'attention');
    const { rotated = SIZE } = spelling;
    expect(attention).toMatchObject({ heads: HEADS, headDim: SIZE });
    const rotary = attention?.op === 'attention' ? attention.rotary : undefined;
    expect(rotary).toEqual(rotated === 0 ? undefined : { theta: 10000, dimensions: rotated });
  });

  it('int8 weights of shared heads', async () => {
    const spelling = { axes: 3, keyHeads: 2, int8: true } as const;
    const path = await file('codes', spelling);
    await using model = await OnnxModel.load(path, { cache: false });
    const ours = (await model.run(TEXTS, { output: 'hidden' })).data;
    const wanted = await theirs(path);
    expect(Math.max(...wanted.map((x, i) => Math.abs(x - (ours[i] ?? Number.NaN))))).toBeLessThan(
      2e-5,
    );
  });

  it('is refused where heads of queries are no multiple of those of keys', async () => {
    const path = await file('three', { axes: 3, keyHeads: 3, rotated: 0 });
    await expect(OnnxModel.load(path, { cache: false })).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(/Attention.*4 heads of queries.*3 of keys/),
    });
  });

  it.each<[string, NodeSpec['attributes']]>([
    ['is_causal', { is_causal: 1 }],
    ['softcap', { softcap: { float: 30 } }],
  ])('is refused with %s, by that name', async (name, attributes) => {
    for (const axes of [3, 4] as const) {
      const path = await file(`${name}-${axes}`, { axes, ...(attributes && { attributes }) });
      await expect(Encoder.load(path)).rejects.toMatchObject({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringMatching(new RegExp(`Attention.*it has ${name} \\d+ \\(`)),
      });
    }
  });
});
