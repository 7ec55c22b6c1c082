/**
 * Encoders of opset 23 whose RotaryEmbedding and Attention take [batch, heads, tokens, size] are read, whether or not the sizes
 * can be told from the file, and compute what their graph computes.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OnnxModel } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { angleTables, JOINED, numbers, oneLayer, whole } from './one-layer.js';
import { floats, type NodeSpec } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-axes-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const [WIDTH, HEADS] = [8, 2];
const SIZE = WIDTH / HEADS;

interface Spelling {
  readonly interleaved?: boolean;
  readonly causal?: boolean;
  /** The shape by which heads are split is computed in the graph, so it is unknown before the graph runs. */
  readonly hidden?: boolean;
  readonly scale?: number;
}

async function file(title: string, spelling: Spelling): Promise<string> {
  const interleaved = spelling.interleaved ? 1 : 0;
  const split = (x: string): NodeSpec[] => [
    { op: 'MatMul', inputs: ['n', `w_${x}`], outputs: [`${x}0`] },
    { op: 'Reshape', inputs: [`${x}0`, spelling.hidden ? 'told' : 'heads'], outputs: [`${x}1`] },
    { op: 'Transpose', inputs: [`${x}1`], outputs: [x], attributes: { perm: [0, 2, 1, 3] } },
  ];
  const rotate = (x: string): NodeSpec => ({
    op: 'RotaryEmbedding',
    inputs: [x, 'cos', 'sin', 'places'],
    outputs: [`${x}r`],
    attributes: { interleaved },
  });
  const nodes: NodeSpec[] = [
    { op: 'Concat', inputs: ['shape', 'tail'], outputs: ['told'], attributes: { axis: 0 } },
    { op: 'Unsqueeze', inputs: ['flags', 'axes'], outputs: ['mask'] },
    ...['q', 'k', 'v'].flatMap(split),
    ...['q', 'k'].map(rotate),
    {
      op: 'Attention',
      inputs: ['qr', 'kr', 'v', 'mask'],
      outputs: ['a'],
      attributes: {
        ...(spelling.causal ? { is_causal: 1 } : {}),
        ...(spelling.scale === undefined ? {} : { scale: { float: spelling.scale } }),
      },
    },
    ...JOINED,
  ];
  const bytes = await oneLayer(WIDTH, {
    tensors: [
      ...['q', 'k', 'v'].map((x, i) =>
        floats(`w_${x}`, [WIDTH, WIDTH], numbers(WIDTH * WIDTH, 6 + i)),
      ),
      ...angleTables(SIZE),
      whole('heads', 0, 0, HEADS, SIZE),
      whole('tail', HEADS, SIZE),
    ],
    nodes,
  });
  const path = join(folder, `${title}.onnx`);
  await writeFile(path, bytes);
  return path;
}

test.each<[string, Spelling]>([
  ['halves', {}],
  ['interleaved', { interleaved: true }],
  ['sizes that the graph makes', { hidden: true }],
  [
    'sizes that the graph makes, interleaved, a scale of its own',
    { hidden: true, interleaved: true, scale: 0.3 },
  ],
])('%s', async (title, spelling) => {
  await using model = await OnnxModel.load(await file(title, spelling));
  expect(model.report.verification?.difference).toBeLessThan(2e-5);
  const { nodes } = insideOf(model).parts.graph;
  const [attention] = nodes.filter(({ op }) => op === 'attention');
  expect(attention).toMatchObject({
    heads: HEADS,
    rotary: { theta: 10000 },
    scale: expect.closeTo(spelling.scale ?? 1 / Math.sqrt(SIZE), 5),
  });
});

test('a causal one is refused with that reason', async () => {
  await expect(OnnxModel.load(await file('causal', { causal: true }))).rejects.toMatchObject({
    code: 'UNSUPPORTED_MODEL',
    message: expect.stringMatching(/Attention.*is_causal/),
  });
});
