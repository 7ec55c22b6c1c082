// Makes data/banking77/{train.csv,test.csv}, the sample that the quickstart trains on, from the full data set.
// The rule: same input, same output, byte for byte. The choice within an intent comes from a seeded shuffle;
// texts and labels are copied unchanged and keep the order of the original files.
//
// Usage: node scripts/make-banking77-sample.mjs [folder with the original train.csv and test.csv]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';

const SEED = 77;
const PER_INTENT = { train: 40, test: 10 };
const root = fileURLToPath(new URL('..', import.meta.url));
const source = resolve(process.argv[2] ?? join(root, '../shared/data/banking77'));
const target = join(root, 'data/banking77');

/** Numbers in [0, 1) from a 32-bit seed (mulberry32): plenty for choosing rows. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Up to `count` of the indices, chosen by a partial shuffle, in ascending order. */
function choose(indices, count, random) {
  const pool = [...indices];
  const taken = Math.min(count, pool.length);
  for (let i = 0; i < taken; i++) {
    const j = i + Math.floor(random() * (pool.length - i));
    [pool[i], pool[j]] = [pool[j], pool[i]];
  }
  return pool.slice(0, taken).sort((a, b) => a - b);
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function makeSplit(split) {
  const rows = parse(readFileSync(join(source, `${split}.csv`)), { columns: true });
  const byIntent = new Map();
  rows.forEach((row, i) => {
    byIntent.set(row.category, [...(byIntent.get(row.category) ?? []), i]);
  });
  const random = generator(SEED);
  const kept = [...byIntent.keys()]
    .sort()
    .flatMap((intent) => choose(byIntent.get(intent), PER_INTENT[split], random))
    .sort((a, b) => a - b);
  const lines = kept.map((i) => `${quoted(rows[i].text)},${quoted(rows[i].category)}\n`);
  writeFileSync(join(target, `${split}.csv`), `text,category\n${lines.join('')}`);
  console.log(`${split}.csv: ${kept.length} of ${rows.length} rows, ${byIntent.size} intents`);
}

mkdirSync(target, { recursive: true });
makeSplit('train');
makeSplit('test');
writeFileSync(join(target, 'LICENSE'), readFileSync(join(source, 'LICENSE')));
