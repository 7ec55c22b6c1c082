/**
 * Fine-tunes an encoder on STS-B and prints Spearman's correlation (x 100) on the test rows before and after:
 * node bench/train/sts.mjs --language en --loss cosent --seed 1 --epochs 4 --learning-rate 2e-5
 *
 * The rule: nothing is chosen by the test rows; the development rows are scored after every epoch.
 */
import { parseArgs } from 'node:util';
import { Encoder, readAllRows } from '../../dist/index.js';

const { values } = parseArgs({
  options: {
    language: { type: 'string', default: 'en' },
    data: { type: 'string', default: '../shared/data/stsb' },
    model: { type: 'string' },
    loss: { type: 'string', default: 'cosent' },
    seed: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '4' },
    'batch-size': { type: 'string', default: '32' },
    'learning-rate': { type: 'string', default: '2e-5' },
    dimensions: { type: 'string' },
    rows: { type: 'string' },
  },
});
const { language, data, loss } = values;

/** Rows of a part of STS-B, whose files have no header. */
async function rowsOf(part) {
  const columns = { textColumn: 1, pairColumn: 2, labelColumn: 3, labels: 'numbers' };
  const rows = await readAllRows(`${data}/stsb-${language}-${part}.csv`, {
    header: false,
    ...columns,
  });
  return rows.map(({ text, pair, label }) => ({
    sentence1: text,
    sentence2: pair,
    score: Number(label) / 5,
  }));
}

const widened = { pooling: 'cls', normalize: true, widen: true };
const bge = '../shared/models/bge-small-zh-v1.5-q/model.onnx';
const encoder =
  language === 'zh'
    ? await Encoder.load(values.model ?? bge, widened)
    : await Encoder.load(values.model);
const [train, dev, test] = await Promise.all(['train', 'dev', 'test'].map(rowsOf));
const percent = ({ spearman }) => (100 * spearman).toFixed(2);
console.log(
  `before: dev ${percent(await encoder.evaluate(dev))}, test ${percent(await encoder.evaluate(test))}`,
);
const report = await encoder.train(train.slice(0, Number(values.rows ?? train.length)), {
  loss,
  eval: dev,
  seed: Number(values.seed),
  epochs: Number(values.epochs),
  batchSize: Number(values['batch-size']),
  learningRate: Number(values['learning-rate']),
  ...(values.dimensions && { dimensions: values.dimensions.split(',').map(Number) }),
  onEpoch: ({ epoch, trainLoss, eval: scores, seconds }) =>
    console.log(
      `epoch ${epoch}: loss ${trainLoss.toFixed(3)}, dev ${percent(scores)}, ${seconds.toFixed(0)} s`,
    ),
});
console.log(
  `after: test ${percent(await encoder.evaluate(test))}, ${report.rows} rows, ${report.seconds.toFixed(0)} s`,
);
await encoder.dispose();
