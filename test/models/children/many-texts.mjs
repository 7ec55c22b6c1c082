// Embeds 100,000 texts in one call in a process of its own: { rows, wrong, growthMb, resultMb }. Growth is of the
// resident set at its highest during the call.
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../../dist/index.js';

const path = fileURLToPath(new URL('../../fixtures/encoders/bert', import.meta.url));
const encoder = await Encoder.load(path, { pooling: 'mean', lanes: 2 });
const kinds = ['the people', 'of the united states', 'x', 'people of states '.repeat(12)];
const known = await encoder.embed(kinds);
const texts = Array.from({ length: 100_000 }, (_, i) => kinds[i % kinds.length]);
await encoder.embed(texts.slice(0, 5000));
const before = process.memoryUsage.rss();
let highest = before;
const timer = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss());
}, 5);
const matrix = await encoder.embed(texts);
clearInterval(timer);
const wrong = texts.findIndex((_, i) => {
  const expected = known.row(i % kinds.length);
  return matrix.row(i).some((value, j) => value !== expected[j]);
});
console.log(
  JSON.stringify({
    rows: matrix.rows,
    wrong,
    growthMb: (highest - before) / 2 ** 20,
    resultMb: matrix.data.byteLength / 2 ** 20,
  }),
);
