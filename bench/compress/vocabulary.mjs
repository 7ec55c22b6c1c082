// What a vocabulary cut to a corpus saves: tokens, bytes of the model's folder, and the share of unseen texts that keep their tokens.
//
//   node bench/compress/vocabulary.mjs [--set sst2,chnsenticorp] [--min-count 1] [--data DIR] [--models DIR]
//
// MiniLM of this package with the training sentences of SST-2, bge-small-zh-v1.5 (ONNX, int8) with those of ChnSentiCorp. Unseen
// texts are those of the test files. One line of JSON for each.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Encoder } from '../../dist/index.js';

const shared = (name) => fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url));
const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'sst2,chnsenticorp' },
    'min-count': { type: 'string', default: '1' },
    data: { type: 'string', default: shared('data') },
    models: { type: 'string', default: shared('models') },
  },
});

const lines = (path) => readFileSync(path, 'utf8').trim().split('\n');
const sst2 = (split) =>
  lines(join(values.data, 'sst2', `stsa.binary.${split}`)).map((line) => line.slice(2));
const chinese = (split) =>
  lines(join(values.data, 'chnsenticorp', `${split}.tsv`))
    .slice(1)
    .map((line) => line.slice(line.indexOf('\t') + 1));
const SETS = {
  sst2: { load: () => Encoder.load(), texts: sst2 },
  chnsenticorp: {
    load: () =>
      Encoder.load(join(values.models, 'bge-small-zh-v1.5-q', 'model.onnx'), { pooling: 'cls' }),
    texts: chinese,
  },
};

const bytesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0);
/** Bytes of the folder that a model is saved in, of its weights and of its tokenizer.json. */
async function savedBytes(model) {
  const work = mkdtempSync(join(tmpdir(), 'vocabulary-'));
  try {
    const folder = join(work, 'model');
    await model.save(folder);
    const size = (name) => statSync(join(folder, name)).size;
    return {
      folder: bytesOf(folder),
      weights: size('model.safetensors'),
      tokenizer: size('tokenizer.json'),
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
/** Share of the texts with the same tokens, and of those the share of vectors with other bits, which must be 0. */
async function sameTokens(model, small, texts) {
  let [same, otherBits] = [0, 0];
  for (let begin = 0; begin < texts.length; begin += 64) {
    const some = texts.slice(begin, begin + 64);
    const [a, b] = [await model.embed(some), await small.embed(some)];
    for (const [i, text] of some.entries()) {
      const [before, after] = [await model.tokenize(text), await small.tokenize(text)];
      if (before.tokens.join('\n') !== after.tokens.join('\n')) continue;
      same++;
      if (!a.row(i).every((value, k) => value === b.row(i)[k])) otherBits++;
    }
  }
  return { same: same / texts.length, otherBits };
}

for (const name of values.set.split(',')) {
  const { load, texts } = SETS[name];
  const model = await load();
  const corpus = texts('train');
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const options = { minCount: Number(values['min-count']) };
  const { model: small, report } = await model.pruneVocabulary(corpus, options);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = { wall: (performance.now() - begin) / 1000, cpu: (user + system) / 1e6 };
  const [before, after] = [await savedBytes(model), await savedBytes(small)];
  const unseen = await sameTokens(model, small, texts('test'));
  console.log(
    JSON.stringify({ set: name, texts: corpus.length, ...report, seconds, before, after, unseen }),
  );
  await Promise.all([model.dispose(), small.dispose()]);
}
