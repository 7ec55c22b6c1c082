// Prints { isa, hashes }: one hash of bits per result, computed through the public API of the package `argv[2]` (a path to its
// index.js) for the groups in `argv[3]` (comma separated). The level comes from SINTER_ISA. The same bits are due on every
// machine, at every level and with any number of lanes, and from one version of the package to the next.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const sinter = await import(pathToFileURL(process.argv[2]).href);
const { Classifier, Encoder, MaskedLM, QuestionAnswerer, TokenClassifier } = sinter;
const root = fileURLToPath(new URL('../..', import.meta.url));
const isaOf = async () =>
  (await import(new URL('./native/native.js', pathToFileURL(process.argv[2])).href)).native().isa()
    .active;

const hashes = {};
const hash = (...parts) => {
  const sum = createHash('sha256');
  for (const part of parts)
    sum.update(
      typeof part === 'string'
        ? part
        : new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
    );
  return sum.digest('hex').slice(0, 16);
};

const banking = readFileSync(join(root, 'data/banking77/test.csv'), 'utf8')
  .split('\n')
  .slice(1)
  .map((line) => {
    const cut = line.lastIndexOf(',');
    return { text: line.slice(0, cut).replaceAll('"', ''), label: line.slice(cut + 1).trim() };
  })
  .filter(({ text, label }) => text !== '' && label !== '');
const CHINESE = '我想查询一下银行卡的余额，昨天转账还没有到账。请问怎么办？';

/** 300 texts of 1 to about 400 tokens, English and Chinese, some empty of words. */
function mixedTexts() {
  return Array.from({ length: 300 }, (_, i) => {
    const { text } = banking[(i * 7) % banking.length];
    if (i % 11 === 3) return CHINESE.slice(0, 1 + (i % CHINESE.length));
    if (i % 13 === 5) return text.slice(0, 3);
    if (i % 50 === 9) return Array.from({ length: 30 }, (_, j) => banking[i + j].text).join(' ');
    return i % 5 === 0 ? `${text} ${banking[(i * 3) % banking.length].text}` : text;
  });
}

/** A hash of the names and bytes of all tensors of a saved folder, in order of names. */
function savedWeights(folder) {
  const file = readFileSync(join(folder, 'model.safetensors'));
  const size = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + size).toString('utf8'));
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const parts = names.sort().flatMap((name) => {
    const [begin, end] = header[name].data_offsets;
    return [name, file.subarray(8 + size + begin, 8 + size + end)];
  });
  return hash(...parts);
}

async function saved(model) {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-bits-'));
  try {
    await model.save(join(folder, 'model'));
    return savedWeights(join(folder, 'model'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function embedded(name, encoder, texts) {
  hashes[name] = hash((await encoder.embed(texts)).data);
}

function encoderFolders() {
  const places = [join(root, 'test/fixtures/encoders'), join(root, '../shared/fixtures/encoders')];
  const found = new Map();
  for (const place of places.filter((folder) => existsSync(folder))) {
    for (const name of readdirSync(place)) {
      const folder = join(place, name);
      if (!found.has(name) && existsSync(join(folder, 'model.safetensors')))
        found.set(name, folder);
    }
  }
  return found;
}

/** All numbers of a result, in order. Names of fields do not count, because they may change. */
function numbersOf(value) {
  if (typeof value === 'number') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(numbersOf) : [];
}

const short = banking.slice(0, 24).map(({ text }) => text.slice(0, 60));

/** A hash of the output of a fixture's own head; null without one. */
async function headOutput(name, folder) {
  if (name.includes('mlm')) {
    const model = await MaskedLM.load(folder);
    const { loss } = await model.evaluate(short.map((text) => ({ text })));
    await model.dispose();
    return hash(Float64Array.of(loss));
  }
  if (name.includes('tokencls')) {
    const model = await TokenClassifier.load(folder);
    const found = await model.predict(short);
    await model.dispose();
    return hash(Float64Array.from(numbersOf(found)));
  }
  if (name.includes('-qa')) {
    const model = await QuestionAnswerer.load(folder);
    const asked = short.map((context) => ({ question: 'what is it?', context }));
    const found = await Promise.all(
      asked.map(({ question, context }) => model.answer(question, context)),
    );
    await model.dispose();
    return hash(Float64Array.from(numbersOf(found)));
  }
  if (!/seqcls|multilabel|regression|gelu|relu/.test(name)) return null;
  const problem = name.includes('multilabel')
    ? 'multi_label_classification'
    : name.includes('regression')
      ? 'regression'
      : 'single_label_classification';
  const model = await Classifier.load(folder, { problem });
  const logits = await model.logits(short);
  await model.dispose();
  return hash(logits.data);
}

/** Trains a classifier for 20 steps with dropout, and hashes its weights afterwards. */
async function trained(encoder, rows, options) {
  const labels = [...new Set(rows.map(({ label }) => label))].sort();
  const model = await encoder.classifier({ labels });
  await model.train(rows, { epochs: 1, batchSize: rows.length / 20, seed: 5, ...options });
  const result = await saved(model);
  await model.dispose();
  return result;
}

const groups = {
  async minilm() {
    const texts = mixedTexts();
    const encoder = await Encoder.load();
    await embedded('minilm/f32', encoder, texts);
    for (const activationBits of [8, 7]) {
      const small = await encoder.quantize({ activationBits });
      await embedded(`minilm/int8-${activationBits}`, small, texts);
      hashes[`minilm/int8-${activationBits}/saved`] = await saved(small);
      await small.dispose();
    }
    await encoder.dispose();
  },
  async encoders() {
    for (const [name, folder] of encoderFolders()) {
      const encoder = await Encoder.load(folder, { pooling: 'mean' });
      await embedded(`encoders/${name}`, encoder, short);
      const small = await encoder.quantize();
      await embedded(`encoders/${name}/int8`, small, short);
      await small.dispose();
      await encoder.dispose();
      const output = await headOutput(name, folder);
      if (output !== null) hashes[`encoders/${name}/head`] = output;
    }
  },
  async training() {
    for (const name of ['bert', 'roberta-seqcls', 'deberta-v2-seqcls', 'modernbert']) {
      const encoder = await Encoder.load(join(root, 'test/fixtures/encoders', name), {
        pooling: 'mean',
      });
      const rows = banking
        .slice(0, 160)
        .map(({ text, label }) => ({ text: text.slice(0, 60), label }));
      hashes[`training/${name}`] = await trained(encoder, rows, { learningRate: 1e-3 });
      await encoder.dispose();
    }
  },
  async 'minilm-training'() {
    const encoder = await Encoder.load();
    const rows = Array.from({ length: 160 }, (_, i) => banking[(i * 19) % banking.length]);
    hashes['training/minilm'] = await trained(encoder, rows, { learningRate: 1e-4 });
    await encoder.dispose();
  },
};

for (const group of process.argv[3].split(',')) await groups[group]();
process.stdout.write(JSON.stringify({ isa: await isaOf(), hashes }));
