// Compresses the classifier in `argv[2]` with the options in `argv[3]` and saves the result in `argv[4]`. Prints each line of its
// progress, and at the end the most memory that it had, in bytes.
import { writeSync } from 'node:fs';
import { Classifier } from '../../../../dist/index.js';

const [, , folder, options, out] = process.argv;
const model = await Classifier.load(folder, { lanes: Number(process.env.TEST_LANES ?? 1) });
const onProgress = ({ stage, message }) => writeSync(1, `${stage}: ${message}\n`);
const found = await model.compress({ ...JSON.parse(options), onProgress });
await found.model.save(out);
writeSync(1, `memory: ${process.resourceUsage().maxRSS * 1024}\n`);
await found.model.dispose();
await model.dispose();
