// A file through a queue: `node examples/queue.mjs texts.jsonl vectors` puts the rows of the file into the queue `sinter`, waits until
// workers (`sinter worker`, on any number of machines that see the folder) have done them, and writes vectors.jsonl. Needs the packages
// bullmq and ioredis, and Redis at SINTER_REDIS_URL or on this machine. Running it again goes on where it was.

import { argv, env } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { collect, enqueueFile } from 'sinter';

const [input, out] = argv.slice(2);
if (out === undefined) throw new Error('usage: node examples/queue.mjs INPUT OUT');
const redis = env.SINTER_REDIS_URL ?? 'redis://127.0.0.1:6379';
const options = { redis, queue: 'sinter', out, rowsPerJob: 1000 };

const { rows, jobs, added } = await enqueueFile(input, options);
console.log(`${rows} rows in ${jobs} jobs, ${added} of them new`);

for (;;) {
  try {
    const report = await collect(out, `${out}.jsonl`);
    console.log(`${report.rows} rows of model ${report.version} in ${out}.jsonl`);
    break;
  } catch (error) {
    // Some rows are missing: their ranges are in error.details.missing.
    if (error.details?.missing === undefined) throw error;
    console.log(`${error.details.rows} rows to go`);
    await sleep(2000);
  }
}
