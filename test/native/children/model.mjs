// A model large enough that calls take a while, for the scripts that run in plain node. No promise is awaited for long
// here; each script decides what to interrupt.
import { border } from '../../border/small.mjs';
import { termOf, trainStep } from '../../border/step.mjs';

export { border };

export const HIDDEN = 64;
export const sanitized = (process.env.LD_PRELOAD ?? '').includes('san');
/** Fewer under a sanitizer, which is ten times slower. */
const LAYERS = sanitized ? 2 : 6;
export const VOCABULARY = 100;
const MAX_TOKENS = 128;

export function graph() {
  const weights = [];
  const weight = (name, ...shape) => {
    weights.push({ name, shape, dtype: 'f32' });
    return name;
  };
  const linear = (input, outputs, columns, names, output) => ({
    op: 'linear',
    input,
    weights: names.map((name) => weight(name, outputs, columns)),
    biases: [],
    activation: 'gelu',
    activationBits: 8,
    output,
  });
  const tables = [{ weight: weight('tokens', VOCABULARY, HIDDEN), index: 'token', offset: 0 }];
  const nodes = [{ op: 'embedding', tables, output: 'x0' }];
  for (let i = 0; i < LAYERS; i++) {
    const names = ['q', 'k', 'v'].map((name) => `${name}${i}`);
    nodes.push(linear(`x${i}`, HIDDEN, HIDDEN, names, `qkv${i}`));
    const attention = { op: 'attention', input: `qkv${i}`, output: `a${i}`, heads: 4 };
    nodes.push({ ...attention, headDim: HIDDEN / 4, scale: 0.25, dropout: 0 });
    nodes.push(linear(`a${i}`, 4 * HIDDEN, HIDDEN, [`up${i}`], `u${i}`));
    nodes.push(linear(`u${i}`, HIDDEN, 4 * HIDDEN, [`down${i}`], `x${i + 1}`));
  }
  nodes.push({ op: 'pool', kind: 'mean', input: `x${LAYERS}`, output: 'pooled' });
  return {
    format: 1,
    architecture: 'large',
    maxTokens: MAX_TOKENS,
    vocabulary: VOCABULARY,
    segments: 0,
    weights,
    nodes,
    outputs: { logits: 'pooled' },
  };
}

export async function program(trainable = false) {
  const from = graph();
  const made = new border.Program(from, new border.Store(from.weights), { trainable });
  for (const { name, shape } of graph().weights) {
    // Weights large enough for the signal to pass all layers.
    const scale = 2.4 / Math.sqrt(shape[1]);
    const draw = (_, i) => Math.sin((i * i) % 1009) * scale;
    const values = Float32Array.from({ length: shape[0] * shape[1] }, draw);
    made.store.writeWeight(name, 0, 'f32', new Uint8Array(values.buffer));
  }
  await made.seal();
  return made;
}

/** `texts` texts of `length` tokens. */
export function batch(texts, length = MAX_TOKENS) {
  return {
    ids: Int32Array.from({ length: texts * length }, (_, i) => i % VOCABULARY),
    offsets: Int32Array.from({ length: texts + 1 }, (_, i) => i * length),
    segments: null,
  };
}

/** Starts a call over `texts` texts: { jobId, data, done }. */
export function call(on, texts, length = MAX_TOKENS) {
  const data = new Float32Array(texts * HIDDEN);
  const jobId = border.nextJobId();
  const options = { jobId, tokenBudget: 256 };
  return { jobId, data, done: on.run(batch(texts, length), [{ name: 'logits', data }], options) };
}

export const SETTINGS = {
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  groups: [],
};

/** Starts an optimizer step over `texts` texts: { jobId, done }. */
export function step(trainer, texts) {
  const jobId = border.nextJobId();
  const loss = termOf('cross_entropy', new Int32Array(texts));
  const options = { jobId, learningRate: 1e-3, maxGradNorm: 1, dropoutSeed: null };
  return { jobId, done: trainStep(border, trainer, batch(texts), [loss], options) };
}
