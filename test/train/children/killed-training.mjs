// Trains the model folder `argv[2]` on the rows in `argv[3]` with the options in `argv[4]`, and saves the result in `argv[5]`.
// Prints the number of each step when it is taken.
import { writeSync } from 'node:fs';
import { Classifier } from '../../../dist/index.js';

const [, , folder, rows, options, out] = process.argv;
const model = await Classifier.load(folder, { labels: ['us', 'them'], seed: 3, lanes: 1 });
await model.train(JSON.parse(rows), {
  ...JSON.parse(options),
  onStep: ({ step }) => {
    writeSync(1, `${step}\n`);
  },
});
await model.save(out);
await model.dispose();
