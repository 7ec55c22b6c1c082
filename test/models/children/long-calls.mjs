// Every public call with a text of 1 MB: { name: longest turn of the event loop }, in milliseconds that the JavaScript
// thread ran.
import {
  answerer,
  batcher,
  bytes,
  classifier,
  encoder,
  masked,
  pieces,
  scorer,
  tagger,
} from './models.mjs';
import { longestTurn } from './thread-time.mjs';

const text = 'the people of america, '.repeat(45_000);
const train = { epochs: 1, batchSize: 1 };

const [label] = classifier.labels;
const rows = {
  labelled: (long) => [{ text: long, label }],
  scored: (long) => [
    { text: long, pair: long, score: 1 },
    { text: 'a', pair: long, score: 0 },
  ],
  tagged: (long) => {
    const words = ['the', 'people', long];
    return [{ words, tags: words.map(() => tagger.labels[0]) }];
  },
  asked: (long) => [
    { question: 'who ?', context: long, answers: [{ text: long.slice(0, 3), start: 0 }] },
  ],
};
const calls = {
  embed: (long) => encoder.embed([long]),
  'embed, byte-level': (long) => bytes.embed([long]),
  'embed, sentencepiece': (long) => pieces.embed([long]),
  'embed, refused': (long) => encoder.embed([long], { truncate: false }).catch(() => {}),
  tokenize: (long) => encoder.tokenize(long),
  'tokenize, byte-level': (long) => bytes.tokenize(long),
  'batch run': (long) => batcher.run(long),
  predict: (long) => classifier.predict([long]),
  logits: (long) => classifier.logits([[long, long]]),
  'classifier evaluate': (long) => classifier.evaluate(rows.labelled(long)),
  'classifier train': (long) => classifier.train(rows.labelled(long), train),
  score: (long) => scorer.score([[long, long]]),
  rank: (long) => scorer.rank('who ?', [long, 'x']),
  'scorer evaluate': (long) => scorer.evaluate(rows.scored(long)),
  'scorer train': (long) => scorer.train(rows.scored(long), train),
  tag: (long) => tagger.predict([long]),
  'tagger evaluate': (long) => tagger.evaluate(rows.tagged(long)),
  'tagger train': (long) => tagger.train(rows.tagged(long), train),
  answer: (long) => answerer.answer('who ?', long, { topK: 5 }),
  'answerer evaluate': (long) => answerer.evaluate(rows.asked(long)),
  'answerer train': (long) => answerer.train(rows.asked(long), train),
  fill: (long) => masked.fill(`${long} [MASK]`).catch(() => {}),
  'masked evaluate': (long) => masked.evaluate([long]),
  'masked train': (long) => masked.train([long], train),
};
const turns = {};
const only = process.argv[2];
for (const [name, call] of Object.entries(calls)) {
  if (only !== undefined && name !== only) continue;
  await call('warm up');
  turns[name] = (await longestTurn(() => call(text))).longest;
}
console.log(JSON.stringify(turns));
