// Every public call with a signal, aborted at several moments: for each how many of them ended with CANCELLED, what the others
// ended with, and the most milliseconds that the JavaScript thread ran, and that passed, from the abort to the rejection.
// Texts have so many MB: aborted-calls.mjs MB [NAME]; VERBOSE=1 says each as it is known.
import { setTimeout as sleep } from 'node:timers/promises';
import { Encoder } from '../../../dist/index.js';
import {
  answerer,
  BERT,
  batcher,
  bytes,
  classifier,
  encoder,
  masked,
  pieces,
  scorer,
  tagger,
} from './models.mjs';
import { ran } from './thread-time.mjs';

const [megabytes = '1', only] = process.argv.slice(2);
const length = Number(megabytes) * 1e6;
const words = 'the people of america, ';
const text = Buffer.from(words.repeat(length / words.length), 'latin1').toString('latin1');
const word = Buffer.alloc(length, 'x').toString('latin1');
const many = Array.from({ length: length / 100 }, () => words.repeat(4));
const fit = { epochs: 100, batchSize: 1 };
/** Milliseconds after the beginning of a call. */
const MOMENTS = [0, 3, 30, 150, 500];

const [label] = classifier.labels;
const labelled = [...many.map((one) => ({ text: one, label })), { text, label }];
const scored = many.map((one) => ({ text: one, pair: text, score: 1 }));
const tags = (list) => list.map(() => tagger.labels[0]);
const tagged = [{ words: [text, ...many.slice(0, 99)], tags: tags([text, ...many.slice(0, 99)]) }];
const asked = [
  { question: 'who ?', context: text, answers: [{ text: text.slice(0, 3), start: 0 }] },
];
const calls = {
  embed: (signal) => encoder.embed([text], { signal }),
  'embed, many': (signal) => encoder.embed(many, { signal }),
  'embed, byte-level word': (signal) => bytes.embed([word, text], { signal }),
  'embed, sentencepiece word': (signal) => pieces.embed([word, text], { signal }),
  'embed, refused': (signal) => encoder.embed([text], { signal, truncate: false }),
  'embed, word refused': (signal) => bytes.embed([word], { signal, truncate: false }),
  'batch run': (signal) => batcher.run(text, { signal }),
  predict: (signal) => classifier.predict([text, ...many], { signal }),
  'predict, windows': (signal) => classifier.predict([text], { signal, windows: 'mean' }),
  'logits of a pair': (signal) => classifier.logits([[text, text]], { signal }),
  'classifier evaluate': (signal) => classifier.evaluate(labelled, { signal }),
  'classifier train': (signal) => classifier.train(labelled, { ...fit, signal }),
  score: (signal) => scorer.score([[text, text]], { signal }),
  rank: (signal) => scorer.rank('who ?', [text, ...many], { signal }),
  'scorer evaluate': (signal) => scorer.evaluate(scored, { signal }),
  'scorer train': (signal) => scorer.train(scored, { ...fit, signal }),
  tag: (signal) => tagger.predict([text], { signal }),
  'tagger evaluate': (signal) => tagger.evaluate(tagged, { signal }),
  'tagger train': (signal) => tagger.train(tagged, { ...fit, signal }),
  answer: (signal) => answerer.answer('who ?', text, { signal }),
  'answerer evaluate': (signal) => answerer.evaluate(asked, { signal }),
  'answerer train': (signal) => answerer.train(asked, { ...fit, signal }),
  fill: (signal) => masked.fill(`${text} [MASK]`, { signal }),
  'masked evaluate': (signal) => masked.evaluate([text, ...many], { signal }),
  'masked train': (signal) => masked.train([text, ...many], { ...fit, signal }),
  quantize: (signal) => encoder.quantize({ signal }),
  load: (signal) => Encoder.load(BERT, { pooling: 'mean', signal }),
};

/**
 * Aborts a call after `moment` milliseconds. Returns how it ended, and the times from the abort to its end; for a call that had
 * ended before, only that.
 */
async function answerTo(call, moment) {
  const abort = new AbortController();
  let over = null;
  const run = call(abort.signal).then(
    () => (over = 'done'),
    (error) => (over = error.code ?? String(error)),
  );
  if (moment > 0) await sleep(moment);
  if (over !== null) return { over: 'done' };
  const [before, began] = [ran(), performance.now()];
  abort.abort();
  await run;
  return { over, ranMs: ran() - before, wallMs: performance.now() - began };
}

const found = {};
// Everything is run once before, so that the code is compiled.
await encoder.embed(['a']);
for (const [name, call] of Object.entries(calls)) {
  if (only !== undefined && name !== only) continue;
  const all = [];
  for (const moment of MOMENTS) all.push(await answerTo(call, moment));
  const aborted = all.filter(({ over }) => over === 'CANCELLED');
  const most = (key) => Math.round(Math.max(0, ...aborted.map((one) => one[key])) * 10) / 10;
  found[name] = {
    aborted: aborted.length,
    others: all.filter(({ over }) => over !== 'CANCELLED').map(({ over }) => over),
    ranMs: most('ranMs'),
    wallMs: most('wallMs'),
  };
  if (process.env.VERBOSE) console.error(name, found[name]);
}
console.log(JSON.stringify(found));
process.exit(0);
