// Writes the rows 0 to argv[3] to the file argv[2], four a step, and goes on where an earlier process ended.
import { access } from 'node:fs/promises';
import { PartialFile } from '../../../dist/bulk/partial-file.js';

const [, , path, count] = process.argv;
const total = Number(count);
// A mark for strace: what comes before is the start of Node.
await access('/sinter-begin').catch(() => {});
const place = await PartialFile.take(path, []);
const done = await place.open({ subject: { rows: total }, total });
if (done !== null) {
  for (let row = done.rows; row < total; row += 4) {
    const rows = Array.from({ length: Math.min(4, total - row) }, (_, i) => row + i);
    // In two pieces, so that one may be there without the other.
    await place.append(rows.map((one) => `row ${one}\n`).join(''));
    await place.append(`step ${row}\n`);
    await place.commit(row + rows.length, null);
  }
  await place.append('end\n');
  await place.patch(Buffer.from('R'), 0);
  await place.place();
}
await place[Symbol.asyncDispose]();
await access('/sinter-end').catch(() => {});
