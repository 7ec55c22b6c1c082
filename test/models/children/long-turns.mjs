// One thing that is done with MiniLM, first in its process: { longest: its longest turn of the event loop, in milliseconds that
// the JavaScript thread ran; cpuMs: of the whole process }. argv: what, a folder to work in, and another build of the package than dist/.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { longestTurn } from './thread-time.mjs';

const [, , what, work, build] = process.argv;
const dist = build === undefined ? '../../../dist/bundle/index.js' : pathToFileURL(build).href;
const { Classifier, Encoder } = await import(dist);
const minilm = fileURLToPath(new URL('../../../models/all-MiniLM-L6-v2', import.meta.url));
const chinese = fileURLToPath(
  new URL('../../../../shared/models/bge-small-zh-v1.5-q', import.meta.url),
);

const texts = Array.from({ length: 32 }, (_, i) => `a short text about the number ${i}`);
const calibration = { texts };
const rows = texts.map((text, i) => ({ text, label: i % 2 === 0 ? 'even' : 'odd' }));
const train = { epochs: 1, batchSize: 8, seed: 1 };

/** What is done to an encoder that was loaded before. */
const encoders = {
  embed: (encoder) => encoder.embed(texts),
  quantize: (encoder) => encoder.quantize(),
  'quantize, not equalized': (encoder) => encoder.quantize({ equalize: false }),
  'save f32': (encoder) => encoder.save(join(work, 'f32')),
  'save f16': (encoder) => encoder.save(join(work, 'f16'), { dtype: 'f16' }),
  'save held': (encoder) => encoder.save(join(work, 'held'), { dtype: 'held' }),
  'export folder': (encoder) =>
    encoder.exportOnnxFolder(join(work, 'folder'), { precisions: ['f32', 'q8', 'q4'] }),
  classifier: (encoder) => encoder.classifier({ labels: ['even', 'odd'] }),
  dispose: (encoder) => encoder.dispose(),
};
for (const precision of ['f32', 'f16', 'int8', 'int8-static', 'int8-weights', 'int4-weights']) {
  encoders[`export ${precision}`] = (encoder) =>
    encoder.exportOnnx(join(work, 'model.onnx'), {
      precision,
      ...(precision === 'int8-static' && { calibration }),
    });
}

/** What this process needs and should not have done itself. */
function elsewhere(other) {
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), other, work]);
}

const actions = {
  load: async () => () => Encoder.load(minilm),
  'load a classifier': async () => () => Classifier.load(minilm, { labels: ['even', 'odd'] }),
  train: async () => {
    const model = await Classifier.load(minilm, { labels: ['even', 'odd'] });
    return () => model.train(rows, train);
  },
  'save int8': async () => {
    const encoder = await Encoder.load(minilm);
    const int8 = await encoder.quantize();
    return () => int8.save(join(work, 'int8'), { overwrite: true });
  },
  'load int8': async () => {
    elsewhere('save int8');
    return () => Encoder.load(join(work, 'int8'));
  },
  'save Chinese': async () => {
    const file = join(chinese, 'model.onnx');
    const encoder = await Encoder.load(file, { pooling: 'cls', widen: true });
    return () => encoder.save(join(work, 'chinese'), { overwrite: true });
  },
  'load Chinese': async () => {
    elsewhere('save Chinese');
    return () => Encoder.load(join(work, 'chinese'));
  },
};
for (const [name, call] of Object.entries(encoders)) {
  actions[name] = async () => {
    const encoder = await Encoder.load(minilm);
    return () => call(encoder);
  };
}

if (what === undefined) {
  process.stdout.write(JSON.stringify(Object.keys(actions)));
} else {
  const call = await actions[what]();
  const before = process.cpuUsage();
  const { longest } = await longestTurn(call);
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(JSON.stringify({ longest, cpuMs: (user + system) / 1000 }));
}
process.exit(0);
