// The models of a stress run, the texts it uses, and what each text must give. Tiny models: what is tested is who runs
// when, not arithmetic.
import { fileURLToPath } from 'node:url';
import { Classifier, Encoder } from '../../dist/index.js';
import { same } from './tally.mjs';

const fixture = (name) => fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

export const TEXTS = [
  '',
  'x',
  'the people',
  'the people of the united states',
  'of the states and the people of the states',
  ['the people', 'of the states'],
  'the 世界 of 🎉 states',
  ...[5, 9, 17, 30, 48, 60, 200].map((n) => 'people of states '.repeat(n)),
];

export const loadEncoder = () =>
  Encoder.load(fixture('bert'), { pooling: 'mean', normalize: true, lanes: LANES });
export const loadClassifier = () => Classifier.load(fixture('bert-seqcls'), { lanes: LANES });
/** More lanes than some machines have cores, so that lanes lose their core at any moment. */
export const LANES = 3;

/** The vector of every text, each from a call of its own. */
export async function knownVectors(encoder) {
  const vectors = [];
  for (const text of TEXTS) vectors.push((await encoder.embed([text])).row(0).slice());
  return vectors;
}

/** A check for Tally.watch: row i is the vector of text `picked[i]`. */
export const rowsAre = (known, picked) => (matrix) => {
  if (matrix.rows !== picked.length) return `${matrix.rows} rows for ${picked.length} texts`;
  const wrong = picked.findIndex((text, i) => !same(matrix.row(i), known[text]));
  return wrong < 0 ? null : `row ${wrong} of ${picked.length}, text ${picked[wrong]}, is wrong`;
};

/** A check for Tally.watch: the vector of text `text`. */
export const vectorIs = (known, text) => (vector) =>
  same(vector, known[text]) ? null : `the vector of text ${text} is wrong`;
