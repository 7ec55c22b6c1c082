// Weights that are read from files, and vocabularies from their JSON. A case is [name, expected, action]; see cases-graph.mjs.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batch, border, fill, graph, made, options, output } from './small.mjs';

const rest = { weights: graph().weights.filter(({ name }) => name !== 'scores.bias') };
const part = { weight: 'scores.bias', part: '', dtype: 'f32', offset: 0, position: 0, bytes: 12 };

/** Calls `work` with the number of an open file of `size` bytes, which is closed and gone afterwards. */
async function withFile(size, work) {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-border-'));
  const path = join(folder, 'weights');
  writeFileSync(path, new Uint8Array(size));
  const file = openSync(path, 'r');
  const close = () => closeSync(file);
  try {
    return await work(file, close);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const readPart = (changes, size = 16) =>
  withFile(size, async (file, close) => {
    const program = made();
    fill(program, rest);
    const missing = await program.store
      .readFiles([{ ...part, file, ...changes }])
      .finally(() => close());
    if (missing !== -1) throw new Error(`missing ${missing}`);
    await program.seal();
    await program.run(batch(), [output()], options());
  });
const missesPart = (changes, size) =>
  readPart(changes, size).then(
    () => {
      throw new Error('nothing was missing');
    },
    (error) => {
      if (error.message !== 'missing 0') throw error;
    },
  );

const json = (text) => new TextEncoder().encode(text);
const list = () => new border.WordList(json('{"a":0,"##b":1}'));
const rules = {
  ...{ cleans: true, spaces: true, strips: true, lowercases: true },
  ...{ prefix: '##', unknown: 0, maxWord: 100 },
};

export const fileCases = [
  ['readFiles', 'fine', () => readPart({})],
  ['readFiles from the middle', 'fine', () => readPart({ position: 4 })],
  ['readFiles of a file that ends before', 'fine', () => missesPart({ position: 8 })],
  ['readFiles of an empty file', 'fine', () => missesPart({}, 0)],
  ['readFiles of a number that is no file', 'fine', () => missesPart({ file: 2 ** 30 })],
  ['readFiles of a negative number', 'INTERNAL', () => readPart({ file: -1 })],
  ['readFiles of half an element', 'INTERNAL', () => readPart({ bytes: 11 })],
  ['readFiles of more than the weight has', 'INTERNAL', () => readPart({ bytes: 16 })],
  ['readFiles behind the weight', 'INTERNAL', () => readPart({ offset: 1 })],
  ['readFiles from far behind', 'fine', () => missesPart({ position: 2 ** 52 })],
  ['readFiles from a fraction', 'INTERNAL', () => readPart({ position: 0.5 })],
  ['readFiles of an unknown weight', 'INTERNAL', () => readPart({ weight: 'none' })],
  ['readFiles of an unknown part', 'INTERNAL', () => readPart({ part: 'scale' })],
  ['readFiles in an unknown dtype', 'INTERNAL', () => readPart({ dtype: 'f64' })],
  ['readFiles in another dtype', 'INTERNAL', () => readPart({ dtype: 's8' })],
  ['readFiles of no list', 'INTERNAL', () => made().store.readFiles({})],
  ['readFiles of a list of nothing', 'INTERNAL', () => made().store.readFiles([undefined])],
  ['readFiles of nothing', 'fine', () => made().store.readFiles([])],
  [
    'readFiles, the file closed meanwhile',
    'fine',
    () =>
      withFile(16, async (file, close) => {
        const reading = made().store.readFiles([{ ...part, file }]);
        close();
        if ((await reading) !== -1) throw new Error('the part was not read');
      }),
  ],
  [
    'readFiles, the store disposed meanwhile',
    'fine',
    () =>
      withFile(16, async (file, close) => {
        const { store } = made();
        const reading = store.readFiles([{ ...part, file }]);
        store.dispose();
        await reading;
        close();
      }),
  ],
  [
    'writeWeight while files are read',
    'INTERNAL',
    () =>
      withFile(16, async (file, close) => {
        const { store } = made();
        const reading = store.readFiles([{ ...part, file }]);
        try {
          store.writeWeight('query', 0, 'f32', new Uint8Array(4));
        } finally {
          await reading;
          close();
        }
      }),
  ],
  [
    'readFiles, then writeWeight, pack and readFiles again',
    'fine',
    () =>
      withFile(16, async (file, close) => {
        const { store } = made();
        await store.readFiles([{ ...part, bytes: 4, file }]);
        store.writeWeight('scores.bias', 1, 'f32', new Uint8Array(4));
        await store.readFiles([{ ...part, offset: 2, bytes: 4, file }]);
        await store.pack();
        close();
      }),
  ],
  ['WordList of a text', 'INTERNAL', () => new border.WordList('{"a":0}')],
  ['WordList of floats', 'INTERNAL', () => new border.WordList(new Float32Array(2))],
  ['WordList of nothing', 'fine', () => new border.WordList(new Uint8Array(0)).joined()],
  ['WordList.find of a number', 'INTERNAL', () => list().find(1)],
  ['WordList.find in no words', 'fine', () => new border.WordList(json('{')).find('a')],
  ['WordPieces of a list', 'fine', () => new border.WordPieces(list(), rules).encode(['a b'])],
  [
    'WordPieces of a list without words',
    'INTERNAL',
    () => new border.WordPieces(new border.WordList(json('[]')), rules),
  ],
  ['WordPieces of an object', 'INTERNAL', () => new border.WordPieces({}, rules)],
  ['WordPieces of a store', 'INTERNAL', () => new border.WordPieces(made().store, rules)],
];
