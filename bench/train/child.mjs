// One training of Sinter in a process of its own. argv: JSON of { rows, model, seed, options, test }, `rows` a file of
// { kind, labels, train, test } that Python reads too. Prints { score, seconds, tokensPerSecond, peakMB } as JSON; without
// `test` nothing is evaluated.
import { readFileSync } from 'node:fs';
import { Classifier, Encoder, TokenClassifier } from '../../dist/bundle/index.js';

const { rows, model: folder, seed, options, test = false } = JSON.parse(process.argv[2]);
const given = JSON.parse(readFileSync(rows, 'utf8'));

/** The model of each kind, further options of its training, and the score of an evaluation. */
const KINDS = {
  classification: {
    load: () => Classifier.load(folder, { labels: given.labels, newHead: true, seed }),
    score: ({ accuracy }) => accuracy,
  },
  similarity: {
    load: () => Encoder.load(folder),
    options: { loss: 'cosent' },
    score: ({ spearman }) => spearman,
  },
  ranking: {
    load: () => Encoder.load(folder),
    options: { loss: 'multiple_negatives_ranking' },
  },
  tokens: {
    load: () => TokenClassifier.load(folder, { labels: given.labels, newHead: true, seed }),
    score: ({ f1 }) => f1,
  },
};

const kind = KINDS[given.kind];
const model = await kind.load();
const { seconds, tokensPerSecond } = await model.train(given.train, {
  ...kind.options,
  ...options,
  batchSize: options.batchSize ?? 32,
  seed,
});
// VmHWM instead of maxRSS: on Linux the maxRSS of a process begins with that of its parent.
const [, kilobytes] = readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s+(\d+)/);
const score = test ? kind.score(await model.evaluate(given.test)) : null;
console.log(JSON.stringify({ score, seconds, tokensPerSecond, peakMB: kilobytes / 1024 }));
process.exit(0);
