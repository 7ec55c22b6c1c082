// Prints hashes of everything that must not depend on lanes, batch mates or instruction set:
// node hashes.mjs <encoder folder or "-"> <classifier folder>
import { createHash } from 'node:crypto';
import { Classifier, Encoder, SinterError } from '../../../dist/index.js';

const [encoderPath, classifierPath] = process.argv.slice(2);
const texts = [
  'a red car',
  'The quick brown fox jumps over the lazy dog, again and again, until it is tired of it.',
  '',
  'What is Deep Learning?',
  'naïve café — 東京 and some more words to make this one a little longer than the others',
  'one',
];
const rows = texts.map((text, i) => ({ text: `${text} people`, label: `LABEL_${i % 3}` }));

const hash = (array) =>
  createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex');

/** Hashes of each text's row, computed alone, in a batch and in a reversed batch. */
async function rowHashes(run) {
  const all = await run(texts);
  const reversed = await run([...texts].reverse());
  const alone = [];
  for (const text of texts) alone.push(hash((await run([text])).row(0)));
  return {
    alone,
    batch: texts.map((_, i) => hash(all.row(i))),
    reversed: texts.map((_, i) => hash(reversed.row(texts.length - 1 - i))),
  };
}

async function main() {
  const encoder = await Encoder.load(encoderPath === '-' ? undefined : encoderPath, {
    pooling: 'mean',
  });
  const small = await encoder.quantize();
  const narrow = await encoder.quantize({ activationBits: 7 });
  const classifier = await Classifier.load(classifierPath);
  const report = await classifier.train(rows, { epochs: 3, batchSize: 4, learningRate: 1e-3 });
  const trained = await classifier.logits(texts);
  const quantized = await (await classifier.quantize()).logits(texts);
  const { isa, lanes } = await encoder.info();
  return {
    isa,
    lanes,
    f32: await rowHashes((some) => encoder.embed(some)),
    int8: await rowHashes((some) => small.embed(some)),
    int8With7: await rowHashes((some) => narrow.embed(some)),
    losses: report.steps.map(({ loss, gradNorm }) => [loss, gradNorm]),
    trained: hash(trained.data),
    quantized: hash(quantized.data),
  };
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  if (!(error instanceof SinterError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
