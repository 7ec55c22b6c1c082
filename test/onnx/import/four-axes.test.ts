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
import { floats, modelBytes, type NodeSpec, tensorMessage, type ValueSpec } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-axes-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const [WIDTH, HEADS, ROWS, POSITIONS] = [8, 2, 20, 600];
const SIZE = WIDTH / HEADS;
const numbers = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i));
const whole = (name: string, ...values: number[]) =>
  tensorMessage(
    name,
    'int64',
    [values.length],
    new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
  );

interface Spelling {
  readonly interleaved?: boolean;
  readonly causal?: boolean;
  /** The shape that heads are split by comes from the graph: nobody knows it before the graph runs. */
  readonly hidden?: boolean;
  readonly scale?: number;
}

/** Angles of positions, for pairs i of a head: position * 10000 ^ (-2 i / size). */
function angles(of: (angle: number) => number): number[] {
  return Array.from({ length: POSITIONS * (SIZE / 2) }, (_, e) => {
    const i = e % (SIZE / 2);
    return of(Math.floor(e / (SIZE / 2)) * 10000 ** ((-2 * i) / SIZE));
  });
}

async function file(title: string, spelling: Spelling): Promise<string> {
  const ids = (name: string): ValueSpec => ({ name, dtype: 'int64', dims: ['b', 's'] });
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
    { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['e'] },
    { op: 'LayerNormalization', inputs: ['e', 'scale', 'bias'], outputs: ['n'] },
    { op: 'Shape', inputs: ['input_ids'], outputs: ['shape'] },
    { op: 'Gather', inputs: ['shape', 'one'], outputs: ['length'] },
    { op: 'Squeeze', inputs: ['length'], outputs: ['count'] },
    { op: 'Range', inputs: ['none', 'count', 'step'], outputs: ['range'] },
    { op: 'Unsqueeze', inputs: ['range', 'zero'], outputs: ['row'] },
    { op: 'Expand', inputs: ['row', 'shape'], outputs: ['places'] },
    { op: 'Concat', inputs: ['shape', 'tail'], outputs: ['told'], attributes: { axis: 0 } },
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['flags'], attributes: { to: 9 } },
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
    { op: 'Transpose', inputs: ['a'], outputs: ['at'], attributes: { perm: [0, 2, 1, 3] } },
    { op: 'Reshape', inputs: ['at', 'joined'], outputs: ['c'] },
    { op: 'MatMul', inputs: ['c', 'w_o'], outputs: ['o'] },
    { op: 'Add', inputs: ['o', 'n'], outputs: ['sum'] },
    { op: 'LayerNormalization', inputs: ['sum', 'scale', 'bias'], outputs: ['last_hidden_state'] },
  ];
  const square = (name: string, seed: number) =>
    floats(name, [WIDTH, WIDTH], numbers(WIDTH * WIDTH, seed));
  const scalar = (name: string, value: number) =>
    tensorMessage(name, 'int64', [], new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  const bytes = await modelBytes({
    opset: 23,
    tensors: [
      floats('words', [ROWS, WIDTH], numbers(ROWS * WIDTH, 1)),
      floats('scale', [WIDTH], numbers(WIDTH, 4)),
      floats('bias', [WIDTH], numbers(WIDTH, 5)),
      ...['q', 'k', 'v', 'o'].map((x, i) => square(`w_${x}`, 6 + i)),
      floats('cos', [POSITIONS, SIZE / 2], angles(Math.cos)),
      floats('sin', [POSITIONS, SIZE / 2], angles(Math.sin)),
      whole('heads', 0, 0, HEADS, SIZE),
      whole('tail', HEADS, SIZE),
      whole('joined', 0, 0, WIDTH),
      whole('zero', 0),
      whole('one', 1),
      whole('axes', 1, 2),
      scalar('none', 0),
      scalar('step', 1),
    ],
    inputs: [ids('input_ids'), ids('attention_mask')],
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['b', 's', WIDTH] }],
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
