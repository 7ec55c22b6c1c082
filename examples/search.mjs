// Search by meaning over vectors in memory, exactly: `node examples/search.mjs "a question" [texts.txt]` prints the nearest lines of a
// file, or of a few texts. Every vector is compared, so nothing is missed; ten thousand vectors of 384 numbers take milliseconds, and
// from some hundred thousand on an approximate index is worth its memory and its misses. None is used here, because the package
// hnswlib-node compiles itself when it is installed and fetches the headers of Node.js for that.

import { readFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Encoder, Matrix, nearest } from 'sinter';

export class ExactIndex {
  #encoder;
  #texts = [];
  #vectors = [];

  constructor(encoder) {
    this.#encoder = encoder;
  }

  /** The model in the package, a folder, an ONNX file, or an id of the hub. */
  static async load(path, options) {
    return new ExactIndex(await Encoder.load(path, options));
  }

  /** Embeds the texts and keeps their vectors. */
  async add(texts) {
    const vectors = await this.#encoder.embed(texts);
    this.#texts.push(...texts);
    this.#vectors.push(...vectors);
  }

  /** The k nearest texts with their cosines, best first. */
  async search(query, k = 3) {
    if (this.#texts.length === 0) return [];
    const width = this.#encoder.dimensions;
    const all = Matrix.zeros(this.#texts.length, width);
    for (const [i, vector] of this.#vectors.entries()) all.row(i).set(vector);
    const [found] = nearest(await this.#encoder.embed([query]), all, k);
    return found.map(({ index, score }) => ({ index, score, text: this.#texts[index] }));
  }

  dispose() {
    return this.#encoder.dispose();
  }
}

const TEXTS = ['a red car', 'rain in the mountains', 'how to bake bread', 'the stock market fell'];

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const [query = 'cooking at home', file] = argv.slice(2);
  const lines = file === undefined ? TEXTS : (await readFile(file, 'utf8')).split('\n');
  const index = await ExactIndex.load();
  await index.add(lines.filter((line) => line.trim() !== ''));
  for (const { score, text } of await index.search(query)) console.log(score.toFixed(3), text);
  await index.dispose();
}
