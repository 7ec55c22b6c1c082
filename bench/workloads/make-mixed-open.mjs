// Makes mixed_open_en.json: texts that may be passed on, with the lengths of mixed_en.json, which has texts that may not.
//
//   node bench/workloads/make-mixed-open.mjs
//
// Needs the folder of shared data beside the repository. The same input gives the same file.
import { readFileSync } from 'node:fs';
import { Encoder } from '../../dist/index.js';
import { writeJson } from '../support/output.mjs';

const file = (path) => new URL(path, import.meta.url);
const shared = (path) => file(`../../../shared/${path}`);
const read = (url) => readFileSync(url, 'utf8');

/** The sentences of the speeches, in order, without line breaks. */
function sentences(text) {
  const found = text.replace(/\s+/g, ' ').match(/[^.!?]+[.!?]+/g) ?? [];
  return found.map((sentence) => sentence.trim()).filter((sentence) => sentence.length > 1);
}

async function lengthOf(encoder, text) {
  return (await encoder.tokenize(text)).ids.length;
}

/** Texts of the given `lengths` in tokens: consecutive sentences, cut after the last token. */
async function fill(encoder, lengths, speech) {
  const texts = [];
  let next = 0;
  for (const length of lengths) {
    let text = '';
    while ((await lengthOf(encoder, text)) < length) text = `${text} ${speech[next++]}`.trim();
    const { ends } = await encoder.tokenize(text);
    texts.push(ends.length > length ? text.slice(0, ends[length - 2]) : text);
  }
  return texts;
}

const encoder = await Encoder.load();
const mixed = JSON.parse(read(shared('bench/workloads/mixed_en.json')));
const queries = read(shared('data/banking77/train.csv')) + read(shared('data/banking77/test.csv'));
const sotu = read(shared('data/sotu/sotu.txt'));
const plain = (text) => text.replace(/["\s]+/g, ' ');
const open = [plain(queries), plain(sotu)];
const isOpen = (text) => open.some((source) => source.includes(plain(text).trim()));
const closed = [...mixed.keys()].filter((i) => !isOpen(mixed[i]));
const lengths = [];
for (const i of closed) lengths.push(Math.min(512, await lengthOf(encoder, mixed[i])));
// From the end of the speeches, because other workloads use the beginning.
const speech = sentences(sotu).slice(-4000);
const texts = await fill(encoder, lengths, speech);
for (const [n, i] of closed.entries()) mixed[i] = texts[n];
writeJson(file('mixed_open_en.json').pathname, mixed);
console.log(`${closed.length} of ${mixed.length} texts replaced`);
await encoder.dispose();
