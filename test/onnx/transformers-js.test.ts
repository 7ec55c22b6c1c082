/**
 * Every family, head and precision in transformers.js: a folder of `exportOnnxFolder` loads as it is, its tokenizer gives our ids
 * and segments, and every file in it our numbers.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportOnnxFolder } from '../../lib/checkpoint/export-folder.js';
import { exportModelOnnx, type OnnxExportOptions } from '../../lib/checkpoint/export-model.js';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import { quantizeModel } from '../../lib/compress/quantize-model.js';
import type { TokenBatch } from '../../lib/native/program.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import type { TextInput } from '../../lib/tokenize/text-tokenizer.js';
import {
  familyFolder,
  fixtureOf,
  HEADS,
  MATRIX_FAMILIES,
  makeFolders,
  REQUESTS,
  TASKS,
} from './matrix.js';
import { compare, ownNumbers, perToken, realNumbers } from './numbers.js';
import { S8_NOTE, S8_SATURATES } from './saturation.js';
import { type Batch, type Result, runOnnx } from './support.js';
import { type FileChoice, type PeerTokens, peerTokens, runPeer } from './transformers-js.js';

const TEXTS = [
  'one two three',
  'A somewhat longer text, with more words in it',
  '你好，世界。这是什么？',
  'spaces  here and at the end ',
];
const PAIRS: readonly TextInput[] = [
  ['What is this?', 'a test'],
  ['你好', '世界 is the world '],
];
const LONG = 'the state of the union '.repeat(60);

/** Heads for which transformers.js 4.3.1 has no class. */
const ABSENT: Readonly<Record<string, readonly string[]>> = {
  albert: ['token-classification'],
  modernbert: ['question-answering'],
  nomic_bert: ['classification'],
};

/**
 * A file, what it is compared with, and the tolerances: the largest difference relative to the largest number, and the cosine.
 * `f32` is the model; `int8` the model quantized by Sinter, whose zero points round otherwise. With fewer bits the random
 * weights of the fixtures, 32 wide, lose so much that the model says little: there it is the `file` itself, run in ONNX Runtime on
 * our tokens (families.test.ts compares these files with the model).
 */
interface Form {
  readonly file: FileChoice;
  readonly like: 'f32' | 'int8' | 'file';
  readonly difference: number;
  readonly cosine: number;
  /** Written by `exportOnnx` under this name; other files are of the folder. */
  readonly alone?: OnnxExportOptions;
}

const named = (model_file_name: string): FileChoice => ({ dtype: 'fp32', model_file_name });
const EXACT = { difference: 1e-5, cosine: 0.999999 } as const;
const INT8 = { like: 'int8', difference: 0.1, cosine: 0.998 } as const;
const FORMS: readonly Form[] = [
  { ...EXACT, file: { dtype: 'fp32' }, like: 'f32' },
  {
    ...EXACT,
    file: { ...named('outside'), use_external_data_format: true },
    like: 'f32',
    alone: { externalData: true, opset: 20 },
  },
  { file: { dtype: 'fp16' }, like: 'f32', difference: 2e-2, cosine: 0.9999 },
  { ...INT8, file: { dtype: 'q8' } },
  // s8 weights, where ONNX Runtime can judge them.
  ...(S8_SATURATES ? [] : [{ ...INT8, file: { dtype: 'int8' } as const }]),
  {
    file: named('int8_weights'),
    like: 'f32',
    alone: { precision: 'int8-weights' },
    difference: 0.2,
    cosine: 0.998,
  },
  { ...EXACT, file: named('model_qdq'), like: 'file' },
  { ...EXACT, file: { dtype: 'q4' }, like: 'file' },
  { ...EXACT, file: named('int4_weights'), like: 'file', alone: { precision: 'int4-weights' } },
];

let made = '';
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'sinter-transformers-js-'));
  await makeFolders(made);
});
afterAll(async () => {
  await rm(made, { recursive: true, force: true });
});

async function exportAll(parts: ModelParts, folder: string): Promise<void> {
  await parts.program.use('test', async (program) => {
    await exportOnnxFolder(parts, program, folder, {
      precisions: ['f32', 'f16', 'q8', 'int8', 'q4', 'qdq'],
      calibration: { texts: TEXTS },
    });
    for (const { file, alone } of FORMS) {
      if (alone === undefined) continue;
      const path = join(folder, 'onnx', `${file.model_file_name}.onnx`);
      await exportModelOnnx(parts, program, path, alone);
    }
  });
}

function encode({ tokenizer, graph }: ModelParts, inputs: readonly TextInput[]) {
  return tokenizer.encode(inputs, { maxTokens: graph.maxTokens, truncate: true });
}

/** Our tokens as transformers.js shows its own. */
function rowsOf({ ids, segments, offsets }: TokenBatch, hasSegments: boolean): PeerTokens {
  const cut = (values: Int32Array): number[][] =>
    Array.from({ length: offsets.length - 1 }, (_, i) => [
      ...values.subarray(offsets[i], offsets[i + 1]),
    ]);
  return { ids: cut(ids), segments: hasSegments && segments !== null ? cut(segments) : null };
}

/** Our tokens padded as one batch. */
function batchOf({ ids, segments }: PeerTokens): Batch {
  const longest = Math.max(...ids.map(({ length }) => length));
  const pad = (rows: readonly number[][]): number[][] =>
    rows.map((row) => [...row, ...new Array<number>(longest - row.length).fill(0)]);
  return {
    input_ids: pad(ids),
    attention_mask: pad(ids.map((row) => row.map(() => 1))),
    ...(segments && { token_type_ids: pad(segments) }),
  };
}

describe.each(MATRIX_FAMILIES)('%s', (name) => {
  const fixture = fixtureOf(name);
  const because = fixture === null ? ' (skipped: needs ../shared/fixtures)' : '';
  const tasks = TASKS.filter((task) => HEADS[name]?.includes(task) !== false);

  it.skipIf(fixture === null).each(tasks)(
    `%s in every precision${because}${S8_SATURATES ? ` (no s8: ${S8_NOTE})` : ''}`,
    async (task) => {
      const settings = { lanes: undefined, signal: undefined, seed: 5 };
      const source = familyFolder(made, name) ?? '';
      const parts = await loadModel('test', source, REQUESTS[task], settings);
      const folder = join(made, `${name}-${task}`);
      await exportAll(parts, folder);
      const hasSegments = parts.graph.segments > 1;
      const small = await parts.program.use('test', (program) => quantizeModel(parts, program, {}));
      const output = task === 'embedding' ? 'hidden' : 'logits';
      for (const inputs of [TEXTS, PAIRS]) {
        const tokens = await encode(parts, inputs);
        const rows = rowsOf(tokens, hasSegments);
        const theirs = await peerTokens(folder, inputs);
        expect(theirs.ids).toEqual(rows.ids);
        if (hasSegments) expect(theirs.segments).toEqual(rows.segments);
        const run = (file: FileChoice) => runPeer(folder, task, file, inputs);
        if (ABSENT[name]?.includes(task)) {
          await expect(run({ dtype: 'fp32' })).rejects.toThrow('Unsupported model type');
          continue;
        }
        const f32 = await ownNumbers(parts, tokens, output);
        const int8 = await ownNumbers(small, tokens, output);
        const lengths = rows.ids.map(({ length }) => length);
        const real = (outputs: Readonly<Record<string, Result>>): number[] =>
          realNumbers(outputs, output, perToken(parts, output), lengths);
        const onnx = async (file: FileChoice): Promise<Float32Array> => {
          const path = join(folder, 'onnx', `${file.model_file_name ?? 'model_q4'}.onnx`);
          return Float32Array.from(real(await runOnnx(path, batchOf(rows))));
        };
        for (const { file, like, difference, cosine } of FORMS) {
          const { outputs } = await run(file);
          const wanted = like === 'file' ? await onnx(file) : { f32, int8 }[like];
          const found = compare(wanted, real(outputs));
          expect(found.difference, JSON.stringify(file)).toBeLessThan(difference);
          expect(found.cosine, JSON.stringify(file)).toBeGreaterThan(cosine);
        }
      }
      // transformers.js cuts where we do, but cuts off the last special token too.
      const [ours = []] = rowsOf(await encode(parts, [LONG]), hasSegments).ids;
      const { ids } = await peerTokens(folder, [LONG]);
      expect(ids[0]?.length).toBe(parts.graph.maxTokens);
      expect(ids[0]?.slice(0, -1)).toEqual(ours.slice(0, -1));
      await small.program.retire();
      await parts.program.retire();
    },
    120_000,
  );
});
