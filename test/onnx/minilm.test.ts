/**
 * A real model: all-MiniLM-L6-v2 exported in f32 and int8 and compared in ONNX Runtime.
 *
 * The checkpoint is too large for the repository and is expected beside it.
 */

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import {
  type Batch,
  loadModel,
  maxDifference,
  quantizedGraph,
  rowCosines,
  runOnnx,
  singleRow,
  withFolder,
} from './support.js';

const MODEL = '../shared/models/all-MiniLM-L6-v2';
const WIDTH = 384;

const TEXTS = [
  'A man is playing a guitar.',
  'My card was charged twice for the same purchase, how do I get the money back?',
  'Refund',
  'The quick brown fox jumps over the lazy dog.',
  'Where is the nearest station?',
  'Quarterly revenue rose by 12.5% to $3.4bn, beating the expectations of most analysts.',
  'ok',
  'Please reset my password; the link in the e-mail has expired and I cannot log in any more.',
  'Die Katze sitzt auf dem Dach.',
  'She sold sea shells by the sea shore while the tide was slowly coming in over the sand.',
  '2 + 2 = 4',
  'He was not happy about the decision, although he had voted for it himself only a week before.',
  'Why has my top-up been reverted?',
  'The committee will meet on Tuesday at 9:30 in room B-204 to discuss the new proposal.',
  'cheap flights to Lisbon in March',
  'The film is slow, badly lit and far too long, and yet its last ten minutes are unforgettable.',
  'How do I cook rice?',
  'Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.',
  'Two children are running through a field with a small white dog.',
  'function add(a, b) { return a + b; }',
];

async function tokenize(texts: readonly string[]): Promise<Batch> {
  const tokenizer = await Tokenizer.fromFile(join(MODEL, 'tokenizer.json'));
  const rows = await Promise.all(
    texts.map(async (text) => Array.from((await tokenizer.encode(text)).getIds(), Number)),
  );
  const ids = rows.map((row) => row.filter((id) => id !== 0));
  const longest = Math.max(...ids.map((row) => row.length));
  const pad = (row: readonly number[]): number[] => [
    ...row,
    ...new Array<number>(longest - row.length).fill(0),
  ];
  return {
    input_ids: ids.map(pad),
    attention_mask: ids.map((row) => pad(row.map(() => 1))),
    token_type_ids: ids.map(() => pad([])),
  };
}

const missing = !existsSync(join(MODEL, 'model.safetensors'));

describe('all-MiniLM-L6-v2', () => {
  it.skipIf(missing)(
    `int8 keeps the direction of every vector (skipped without ${MODEL})`,
    async () => {
      const { graph, source } = await loadModel(MODEL, { task: 'embedding' });
      const batch = await tokenize(TEXTS);
      const common = { outputs: ['hidden', 'embedding'], producerVersion: '0' } as const;
      await withFolder(async (folder) => {
        const [wide, narrow] = [join(folder, 'model.onnx'), join(folder, 'model_quantized.onnx')];
        await writeOnnx(wide, graph, source, { ...common, precision: 'f32' });
        const quantized = quantizedGraph(graph, true);
        await writeOnnx(narrow, quantized, source, { ...common, precision: 'int8' });
        expect((await stat(wide)).size).toBeLessThan(91e6);
        expect((await stat(narrow)).size).toBeLessThan(23.5e6);

        const vectors = (await runOnnx(wide, batch)).sentence_embedding?.data ?? new Float32Array();
        expect(vectors.length).toBe(TEXTS.length * WIDTH);
        const short = (await runOnnx(narrow, batch)).sentence_embedding?.data ?? new Float32Array();
        const cosines = rowCosines(vectors, short, WIDTH);
        expect(Math.min(...cosines)).toBeGreaterThan(0.99);

        // "Refund" alone, without padding, against its row in the batch.
        for (const [path, all] of [[wide, vectors] as const, [narrow, short] as const]) {
          const alone = (await runOnnx(path, singleRow(batch, 2))).sentence_embedding?.data;
          const row = all.subarray(2 * WIDTH, 3 * WIDTH);
          expect(maxDifference(alone ?? new Float32Array(), row, WIDTH)).toBeLessThan(1e-5);
        }
      });
    },
    60_000,
  );
});
