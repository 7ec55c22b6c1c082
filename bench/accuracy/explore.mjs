// Equalization in ways that the product does not offer: other exponents, other layers and other calibration tokens. It runs as
// an f32 diagonal product in front of each int8 product: the numbers are those of a real equalizer, the speed is not.

import { drawnBatch } from '../../dist/compress/equalize-model.js';
import { quantizableWeights, quantizeGraph } from '../../dist/graph/rewrite/quantize.js';
import { validateGraph } from '../../dist/graph/validate.js';
import { insideOf } from '../../dist/models/text-model.js';
import { native } from '../../dist/native/native.js';
import { deriveProgram, programOver } from '../../dist/runtime/program.js';
import { SharedProgram } from '../../dist/runtime/shared-program.js';

const CALIBRATION_TEXTS = 128;
const CALIBRATION_TOKENS = 128;

const normed = ['qkv', 'intermediate'];

/** [name, { bits, exponent, products, tokens, shift }]; the first of each number of bits is the product's own way. */
const SETTINGS = [8, 7].flatMap((bits) =>
  Object.entries({
    'exponent 0.5': {},
    'exponent 0.3': { exponent: 0.3 },
    'exponent 0.6': { exponent: 0.6 },
    'exponent 0.7': { exponent: 0.7 },
    'exponent 1': { exponent: 1 },
    'real texts': { tokens: 'texts' },
    'real texts, exponent 0.7': { tokens: 'texts', exponent: 0.7 },
    'all products': { products: ['qkv', 'projected', 'intermediate', 'output'] },
    'after attention only': { products: ['projected'] },
    'after GELU only': { products: ['output'] },
    'means shifted to 0': { shift: true },
  }).map(([name, setting]) => [
    `${bits} bits, ${name}`,
    { bits, exponent: 0.5, products: normed, tokens: 'drawn', shift: false, ...setting },
  ]),
);

/** [{ name, make }], where make() builds the model. Only the calibration is shared between them. */
export function explorations(model, task) {
  const runs = new Map();
  const ranges = (tokens) => {
    if (!runs.has(tokens)) runs.set(tokens, observe(model, task, tokens));
    return runs.get(tokens);
  };
  return SETTINGS.map(([name, setting]) => ({
    name,
    make: async () => build(model, await ranges(setting.tokens), setting),
  }));
}

/** The kind of a layer's product: `qkv` for `layer.3.qkv`; null for any other node. */
function kindOf(node) {
  const found = node.op === 'linear' && /^layer\.\d+\.(\w+)$/.exec(node.output);
  return found ? found[1] : null;
}

/** Value -> { largest, mean } of its channels over the calibration tokens, for every input of a product. */
async function observe(model, task, tokens) {
  const { parts, use } = insideOf(model);
  const { graph, tokenizer } = parts;
  const step = Math.max(1, Math.floor(task.calibration.length / CALIBRATION_TEXTS));
  const texts = task.calibration.filter((_, i) => i % step === 0).slice(0, CALIBRATION_TEXTS);
  const maxTokens = CALIBRATION_TOKENS;
  const special = (await tokenizer.encode([''], { maxTokens })).ids;
  const { ids, offsets } =
    tokens === 'texts' ? await tokenizer.encode(texts, { maxTokens }) : drawnBatch(graph, special);
  const inputs = [...new Set(graph.nodes.filter(kindOf).map((node) => node.input))];
  const shapes = validateGraph(graph);
  const outputs = inputs.map((name) => ({
    name,
    data: new Float32Array(ids.length * shapes.get(name).width),
  }));
  const offering = { ...graph, outputs: Object.fromEntries(inputs.map((name) => [name, name])) };
  return use('observe', async (source) => {
    const program = await programOver(offering, source.store, { trainable: false });
    const jobId = native().nextJobId();
    await program.run({ ids, offsets, segments: null }, outputs, { jobId, tokenBudget: 512 });
    program.dispose();
    return new Map(outputs.map(({ name, data }) => [name, statistics(data, ids.length)]));
  });
}

function statistics(data, rows) {
  const width = data.length / rows;
  const mean = new Float32Array(width);
  for (const [i, value] of data.entries()) mean[i % width] += value / rows;
  const from = (center) => {
    const largest = new Float32Array(width);
    for (const [i, value] of data.entries()) {
      const c = i % width;
      largest[c] = Math.max(largest[c], Math.abs(value - center[c]));
    }
    return largest;
  };
  return { mean, largest: from(new Float32Array(width)), largestShifted: from(mean) };
}

/** Builds the int8 model with diagonal products in front of the chosen products; `plan` holds their numbers. */
async function build(model, ranges, setting) {
  const { parts, use } = insideOf(model);
  const { graph } = parts;
  const names = quantizableWeights(graph, { embeddings: true });
  return use('build', async (source) => {
    const plan = new Map();
    for (const node of graph.nodes) {
      if (!setting.products.includes(kindOf(node))) continue;
      plan.set(node.output, equalizer(source, node, ranges.get(node.input), setting));
    }
    const changed = withDiagonals(quantizeGraph(graph, names, setting.bits), plan);
    const numbers = new Map([...plan.values()].flatMap(({ weights }) => [...weights]));
    const s8 = new Set(changed.weights.filter((w) => w.dtype === 's8').map(({ name }) => name));
    const entries = [...numbers];
    const program = await deriveProgram(
      changed,
      source.store,
      { trainable: false },
      {
        divisors: new Map(entries.filter(([name]) => s8.has(name))),
        written: new Map(entries.filter(([name]) => !s8.has(name))),
      },
    );
    return new model.constructor({ ...parts, graph: changed, program: new SharedProgram(program) });
  });
}

/** Weight name -> numbers of one product: the diagonal and its bias, the divisors of the columns, and the new biases. */
function equalizer(source, node, { mean, largest, largestShifted }, { exponent, shift }) {
  const width = mean.length;
  const heights = new Float32Array(width);
  const rows = node.weights.map((name) => source.store.readWeight(name));
  for (const values of rows) {
    for (const [i, value] of values.entries()) {
      heights[i % width] = Math.max(heights[i % width], Math.abs(value));
    }
  }
  const inputs = shift ? largestShifted : largest;
  const e = inputs.map((x, i) => heights[i] ** (1 - exponent) / Math.max(x, 1e-5) ** exponent || 1);
  const middle = Math.sqrt(Math.min(...e) * Math.max(...e));
  for (let i = 0; i < width; i++) e[i] /= middle;
  const diagonal = new Float32Array(width * width);
  for (let i = 0; i < width; i++) diagonal[i * width + i] = e[i];
  const offset = shift ? mean.map((value, i) => -value * e[i]) : new Float32Array(width);
  const weights = new Map([
    [`${node.output}.diagonal`, diagonal],
    [`${node.output}.offset`, offset],
  ]);
  for (const [k, name] of node.weights.entries()) {
    weights.set(name, e);
    if (shift)
      weights.set(node.biases[k], shifted(source.store.readWeight(node.biases[k]), rows[k], mean));
  }
  return { width, weights };
}

/** bias + W mean, which gives back what the shift of the input by its mean took away. */
function shifted(bias, values, mean) {
  return bias.map((value, r) => {
    let sum = value;
    for (const [i, m] of mean.entries()) sum += values[r * mean.length + i] * m;
    return sum;
  });
}

function withDiagonals(graph, plan) {
  const added = [];
  const nodes = graph.nodes.flatMap((node) => {
    const found = plan.get(node.output);
    if (found === undefined) return [node];
    const [weight, bias] = [`${node.output}.diagonal`, `${node.output}.offset`];
    const { width } = found;
    added.push({ name: weight, shape: [width, width], dtype: 'f32' });
    added.push({ name: bias, shape: [width], dtype: 'f32' });
    const output = `${node.output}.equalized`;
    const rest = { activation: 'none', activationBits: 8, output };
    const first = { op: 'linear', input: node.input, weights: [weight], biases: [bias], ...rest };
    return [first, { ...node, input: output }];
  });
  return { ...graph, nodes, weights: [...graph.weights, ...added] };
}
