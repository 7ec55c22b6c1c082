// How well a latency table predicts: measures one of the embedded encoder, then times models of random widths and depths, and
// compares. The time of each is the median over interleaved rounds; on a loaded machine both sides are noisy.
//
//   node bench/compress/latency-table.mjs [--shapes 10] [--seconds 10] [--tokens 2048] [--precision f32,int8] [--seed 1] [--lone]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureLatency, timeShapes } from '../../dist/compress/measure-latency.js';
import { SeededRandom } from '../../dist/core/random.js';
import { layerShapes } from '../../dist/graph/rewrite/layer-shapes.js';
import { Encoder } from '../../dist/index.js';
import { insideOf } from '../../dist/models/text-model.js';
import { choices, count } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '10' },
    tokens: { type: 'string', default: '2048' },
    precision: { type: 'string', default: 'f32,int8' },
    seed: { type: 'string', default: '1' },
    lone: { type: 'boolean', default: false },
  },
});
const shapes = count('--shapes', values.shapes);
const seconds = count('--seconds', values.seconds);
const tokens = count('--tokens', values.tokens);
const random = new SeededRandom(count('--seed', values.seed));

/** The layers of a random model: each layer has a chance of three quarters to stay, and any width. */
function drawn(layers) {
  const made = layers.map((layer) => {
    const heads = 1 + random.below(layer.heads);
    const neurons = Math.max(16, 16 * (1 + random.below(layer.neurons / 16)));
    return random.below(4) === 0 ? null : { ...layer, heads, neurons };
  });
  return made.some((layer) => layer !== null) ? made : layers;
}

const lines = readFileSync(new URL('../../data/banking77/test.csv', import.meta.url), 'utf8');
const texts = lines.split('\n').slice(1, 2000);
const encoder = await Encoder.load();
const { parts, use } = insideOf(encoder);
const { ids, offsets } = await parts.tokenizer.encode(texts, { maxTokens: 128, truncate: true });
const last = Math.max(1, offsets.findIndex((offset) => offset > tokens) - 1);
const batch = {
  ids: ids.subarray(0, offsets[last]),
  offsets: offsets.subarray(0, last + 1),
  segments: null,
};
const { cpu, cpus } = describeMachine();
console.log(`${cpu}, ${cpus} CPUs, load ${load()}, ${last} texts, ${batch.ids.length} tokens`);
for (const precision of choices('--precision', values.precision, ['f32', 'int8'])) {
  const options = {
    where: 'bench',
    output: 'embedding',
    batch,
    seconds,
    ...(values.lone && { textsPerCall: 1 }),
    activationBits: precision === 'int8' ? 8 : undefined,
  };
  await use('bench', async ({ store }) => {
    const { graph } = parts;
    const began = performance.now();
    const table = await measureLatency(graph, store, options);
    const took = ((performance.now() - began) / 1000).toFixed(1);
    const models = Array.from({ length: shapes }, () => drawn(layerShapes(graph)));
    const { times } = await timeShapes(graph, store, models, options);
    const errors = models.map((model, i) => {
      const predicted = table.predict(model.filter((layer) => layer !== null));
      const error = (100 * (predicted - times[i])) / times[i];
      const widths = model.map((l) => (l === null ? '-' : `${l.heads}x${l.neurons}`)).join(' ');
      console.log(
        `${precision}  measured ${times[i].toFixed(2)} ms, predicted ${predicted.toFixed(2)} ms, ${error.toFixed(1)} %  (${widths})`,
      );
      return Math.abs(error);
    });
    const within = errors.filter((error) => error <= 10).length;
    const { rounds } = table.data;
    console.log(
      `${precision}: ${within} of ${shapes} within 10 %, largest ${Math.max(...errors).toFixed(1)} %; table of ${rounds} rounds in ${took} s; load ${load()}`,
    );
  });
}
await encoder.dispose();
