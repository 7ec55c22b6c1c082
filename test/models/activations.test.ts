/**
 * The activations of transformers' ACT2FN: each name is computed as transformers writes its formula or refused by name, and
 * quick GELU lives through training, quantization, saving and ONNX.
 *
 * The encoder is computed again in float64 from the weights by their Hugging Face names; nothing of the graph is used for it.
 */

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configFromGraph, familyGraph, nameByFamily } from '../../lib/architectures/index.js';
import type { JsonObject } from '../../lib/core/json.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { FAMILIES } from '../architectures/parameters.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { checkModel } from '../onnx/check-model.js';
import { parseOnnx } from '../onnx/parse.js';
import { loadModel, runOnnx } from '../onnx/support.js';
import { PlainBert } from './plain-bert.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/encoders/bert-relu', import.meta.url));
const TEXTS = ['the people of the united states', 'What is Deep Learning?', '', 'of'];

function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return Math.abs(x) > 5 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * sum;
}

const { PI, SQRT2, exp, sqrt, tanh } = Math;
const gelu = (x: number) => x * 0.5 * (1 + erf(x / SQRT2));
const silu = (x: number) => x / (1 + exp(-x));

/** The formulas of transformers/activations.py. */
const FORMULAS: Readonly<Record<string, (x: number) => number>> = {
  gelu,
  gelu_python: gelu,
  gelu_new: (x) => 0.5 * x * (1 + tanh(sqrt(2 / PI) * (x + 0.044715 * x ** 3))),
  gelu_fast: (x) => 0.5 * x * (1 + tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))),
  gelu_accurate: (x) => 0.5 * x * (1 + tanh(sqrt(2 / PI) * (x + 0.044715 * x ** 3))),
  gelu_pytorch_tanh: (x) => 0.5 * x * (1 + tanh(sqrt(2 / PI) * (x + 0.044715 * x ** 3))),
  gelu_python_tanh: (x) => x * 0.5 * (1 + tanh(sqrt(2 / PI) * (x + 0.044715 * x ** 3))),
  quick_gelu: (x) => x / (1 + exp(-1.702 * x)),
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  silu,
  swish: silu,
  tanh,
};
const NAMES = Object.keys(FORMULAS);
const OTHERS = [
  ...['gelu_10', 'laplace', 'leaky_relu', 'mish', 'relu2', 'relu6', 'sigmoid', 'prelu', 'xielu'],
];

/** The fixture with another activation. */
async function withActivation(name: string): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  await cp(FIXTURE, folder, { recursive: true });
  const file = join(folder, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as JsonObject;
  await writeFile(file, JSON.stringify({ ...config, hidden_act: name }));
  return folder;
}

/** Rows of the first token, in float64. */
async function plainRows(folder: string, name: string, encoder: Encoder): Promise<number[][]> {
  const { source } = await loadModel(folder, { task: 'classification' });
  const bert = new PlainBert(source, 'bert.', 4, FORMULAS[name] ?? gelu);
  return Promise.all(
    TEXTS.map(async (text) => {
      const { ids } = await encoder.tokenize(text);
      const rows = await bert.hidden([...ids]);
      return rows[0] ?? [];
    }),
  );
}

function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a).toHaveLength(b.length);
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - (b[i] ?? Number.NaN))));
}

const CLS = { pooling: 'cls', normalize: false } as const;

describe('hidden_act', () => {
  it.each(NAMES)('%s is computed as transformers computes it', async (name) => {
    const folder = await withActivation(name);
    await using encoder = await Encoder.load(folder, CLS);
    const got = (await encoder.embed(TEXTS)).data;
    expect(apart(got, (await plainRows(folder, name, encoder)).flat())).toBeLessThan(2e-5);
  });

  it('the formulas differ where the names mean different functions', async () => {
    const folder = await withActivation('relu');
    await using encoder = await Encoder.load(folder, CLS);
    const kinds = ['gelu', 'gelu_new', 'quick_gelu', 'linear', 'relu', 'silu', 'tanh'];
    const rows = await Promise.all(kinds.map((name) => plainRows(folder, name, encoder)));
    for (let i = 0; i < kinds.length; i++) {
      for (let j = 0; j < i; j++) {
        const distance = apart((rows[i] ?? []).flat(), (rows[j] ?? []).flat());
        expect(distance, `${kinds[i]} and ${kinds[j]}`).toBeGreaterThan(1e-4);
      }
    }
  });

  it.each(OTHERS)('%s is refused, and the message lists what is supported', async (name) => {
    const folder = await withActivation(name);
    await expect(Encoder.load(folder, CLS)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(
        new RegExp(`hidden_act "${name}" \\(supported: ${[...NAMES].sort().join('|')}`),
      ),
    });
  });
});

/** The keys of config.json with the activation, by `model_type`. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  distilbert: ['activation'],
  modernbert: ['hidden_activation', 'classifier_activation'],
  'deberta-v2': ['hidden_act', 'pooler_hidden_act'],
};

describe.each(Object.keys(FAMILIES).filter((family) => family !== 'nomic'))('%s', (family) => {
  const { config = {} } = FAMILIES[family] ?? {};
  const keys = KEYS[String(config.model_type)] ?? ['hidden_act'];
  const head = { task: 'classification', labels: ['a', 'b'], problem: null } as const;

  it.each(NAMES)('%s keeps its name, and without it gets one of the same function', (name) => {
    const stated = { ...config, ...Object.fromEntries(keys.map((key) => [key, name])) };
    const graph = familyGraph(stated, { task: 'classification', labels: 2 });
    const again = configFromGraph(graph, stated, head);
    const fresh = configFromGraph(graph, config, head);
    for (const key of keys) {
      expect(again[key]).toBe(name);
      const other = FORMULAS[String(fresh[key])];
      for (const x of [-3, -0.7, 0.2, 2.5]) {
        expect(other?.(x)).toBeCloseTo(FORMULAS[name]?.(x) ?? Number.NaN, 8);
      }
    }
    const why: string[] = [];
    const named = nameByFamily(graph, stated, head, why);
    expect(why).toEqual([]);
    expect(named?.graph.nodes).toEqual(graph.nodes);
  });
});

describe('quick GELU', () => {
  it('trains, quantizes and saves with the bits it has in memory', async () => {
    const folder = await withActivation('quick_gelu');
    await using model = await Classifier.load(folder);
    const [first = '', second = ''] = model.labels;
    const rows = TEXTS.map((text, i) => ({ text, label: i % 2 === 0 ? first : second }));
    const run = await model.train(rows, { epochs: 20, learningRate: 3e-3, seed: 3 });
    expect(run.steps.at(-1)?.loss).toBeLessThan((run.steps[0]?.loss ?? 0) / 4);
    await using small = await model.quantize();
    for (const [name, one] of Object.entries({ model, small })) {
      const expected = await one.predict(TEXTS);
      const saved = join(folder, 'saved', name);
      await one.save(saved);
      const config = JSON.parse(await readFile(join(saved, 'config.json'), 'utf8')) as JsonObject;
      expect(config.hidden_act).toBe('quick_gelu');
      await using loaded = await Classifier.load(saved);
      expect(await loaded.predict(TEXTS)).toEqual(expected);
    }
  });

  it.each([{ opset: 14 }, { opset: 21 }, { precision: 'f16' }, { precision: 'int8' }] as const)(
    'goes through ONNX with %o',
    async (options) => {
      const folder = await withActivation('quick_gelu');
      await using encoder = await Encoder.load(folder, CLS);
      const path = join(folder, 'model.onnx');
      await encoder.exportOnnx(path, options);
      checkModel(parseOnnx(await readFile(path)));
      const bound = 'opset' in options ? 2e-5 : options.precision === 'f16' ? 2e-2 : 0.2;
      const wanted = await encoder.embed(TEXTS);
      for (const [i, text] of TEXTS.entries()) {
        const ids = [...(await encoder.tokenize(text)).ids];
        const same = (value: number) => [ids.map(() => value)];
        const batch = { input_ids: [ids], attention_mask: same(1), token_type_ids: same(0) };
        const theirs = (await runOnnx(path, batch)).sentence_embedding?.data ?? [];
        expect(apart(theirs as Float32Array, wanted.row(i))).toBeLessThan(bound);
      }
      await using back = await Encoder.load(path);
      expect(apart((await back.embed(TEXTS)).data, wanted.data)).toBeLessThan(bound);
      const info = await back.info();
      expect(info.quantized).toBe('precision' in options && options.precision === 'int8');
      await back.save(join(folder, 'back'));
      const config = JSON.parse(
        await readFile(join(folder, 'back', 'config.json'), 'utf8'),
      ) as JsonObject;
      expect(config).toMatchObject({ model_type: 'bert', hidden_act: 'quick_gelu' });
    },
  );
});
