// Trains the tiny classifier in the folder `argv[2]` on the rows of the file `argv[3]`, streamed, for one pass over all of them.
// Prints the steps and how far the resident memory rose above that after the first steps, in bytes.
import { Classifier, readRows, repeatedRows } from '../../../dist/index.js';

const [, , model, file] = process.argv;
const classifier = await Classifier.load(model, { labels: ['a', 'b'], seed: 1, newHead: true });
let [first, most] = [0, 0];
const report = await classifier.train(
  repeatedRows(() => readRows(file)),
  {
    ...{ streaming: true, shuffleBuffer: 2000, epochs: 1, batchSize: 256, maxTokens: 16 },
    onStep: ({ step }) => {
      const { rss } = process.memoryUsage();
      if (step <= 20) first = Math.max(first, rss);
      else most = Math.max(most, rss);
    },
  },
);
process.stdout.write(
  JSON.stringify({ steps: report.steps.length, rows: report.rows, rise: most - first }),
);
