/**
 * Every encoder family, head and precision: the model exports itself, the file is checked by our rules, runs in ONNX
 * Runtime on a padded batch, and gives what the model itself gives.
 */

import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModelOnnx, type OnnxExportOptions } from '../../lib/checkpoint/export-model.js';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import { quantizeModel } from '../../lib/compress/quantize-model.js';
import { OPSETS } from '../../lib/formats/onnx/opsets.js';
import type { OutputName } from '../../lib/graph/types.js';
import type { TokenBatch } from '../../lib/native/program.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { checkModel } from './check-model.js';
import {
  familyFolder,
  fixtureOf,
  HEADS,
  MATRIX_FAMILIES,
  makeFolders,
  REQUESTS,
  TASKS,
} from './matrix.js';
import { compare, ownNumbers, perToken, realNumbers, sum } from './numbers.js';
import { parseOnnx } from './parse.js';
import { S8_NOTE, S8_SATURATES } from './saturation.js';
import { type Batch, runOnnx, withFolder } from './support.js';

/**
 * The tolerances of a precision: the largest difference relative to the largest number, and the cosine. They hold against the
 * model itself; `int8` is compared with the model quantized by Sinter (the file rounds zero points otherwise, so that single
 * codes differ), `int4-weights` with the file that has the same codes in standard operators. Weights are random and 32 wide,
 * where few bits lose much.
 */
interface Form {
  readonly options: OnnxExportOptions;
  readonly difference: number;
  readonly cosine: number;
}

const TEXTS = ['one two three', 'a somewhat longer text, with more words in it', 'what is this ?'];
const FORMS: readonly Form[] = [
  { options: { precision: 'f16' }, difference: 2e-2, cosine: 0.9999 },
  { options: { precision: 'f16', opset: 14 }, difference: 2e-2, cosine: 0.9999 },
  { options: { precision: 'int8' }, difference: 0.1, cosine: 0.998 },
  {
    // s8 weights are the default, where ONNX Runtime can judge them.
    options: {
      precision: 'int8-static',
      weights: S8_SATURATES ? 'uint8' : 'int8',
      calibration: { texts: TEXTS },
    },
    difference: 0.5,
    cosine: 0.9,
  },
  { options: { precision: 'int8-weights' }, difference: 0.1, cosine: 0.999 },
  {
    options: { precision: 'int4-weights', blocks: { operator: 'MatMulNBits', symmetric: false } },
    difference: 1e-4,
    cosine: 0.999999,
  },
];

/** The same codes as in MatMulNBits, in standard operators, which ONNX Runtime computes in another way. */
const FOUR_BITS: OnnxExportOptions = { precision: 'int4-weights', blocks: { symmetric: false } };

interface Golden {
  readonly lengths: readonly number[];
  readonly batch: Batch;
}

/** The output as the model itself computes it. */
async function ours(parts: ModelParts, golden: Golden, output: OutputName): Promise<Float32Array> {
  const { lengths, batch } = golden;
  const flat = (rows: Batch['input_ids']): Int32Array =>
    Int32Array.from(rows.flatMap((row, i) => row.slice(0, lengths[i])));
  const segments = batch.token_type_ids;
  const tokens: TokenBatch = {
    ids: flat(batch.input_ids),
    segments: segments === undefined ? null : flat(segments),
    offsets: Int32Array.from([0, ...lengths.map((_, i) => sum(lengths.slice(0, i + 1)))]),
  };
  return ownNumbers(parts, tokens, output);
}

let made = '';
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'sinter-families-'));
  await makeFolders(made);
});
afterAll(async () => {
  await rm(made, { recursive: true, force: true });
});

describe.each(MATRIX_FAMILIES)('%s', (name) => {
  const fixture = fixtureOf(name);
  const because = fixture === null ? ' (skipped: needs ../shared/fixtures)' : '';

  it.skipIf(fixture === null).each(TASKS)(
    `%s in every precision${because}${S8_SATURATES ? ` (static with u8 weights: ${S8_NOTE})` : ''}`,
    async (task) => {
      const golden = JSON.parse(readFileSync(`${fixture}/golden.json`, 'utf8')) as Golden;
      const settings = { lanes: undefined, signal: undefined, seed: 5 };
      const folder = familyFolder(made, name) ?? '';
      const loaded = loadModel('test', folder, REQUESTS[task], settings);
      if (HEADS[name]?.includes(task) === false) {
        await expect(loaded).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
        return;
      }
      const parts = await loaded;
      const outputs: OutputName[] = task === 'embedding' ? ['hidden', 'embedding'] : ['logits'];
      const quantized = await parts.program.use('test', (program) =>
        quantizeModel(parts, program, {}),
      );
      const [wide, narrow] = [new Map<string, Float32Array>(), new Map<string, Float32Array>()];
      for (const output of outputs) {
        wide.set(output, await ours(parts, golden, output));
        narrow.set(output, await ours(quantized, golden, output));
      }
      // The opset rotates over the combinations, so that each opset meets some of them.
      const opset =
        OPSETS[(MATRIX_FAMILIES.indexOf(name) + TASKS.indexOf(task)) % OPSETS.length] ?? 17;
      const exact: Form = { options: { opset }, difference: 1e-5, cosine: 0.999999 };
      await withFolder(async (scratch) => {
        const run = async (options: OnnxExportOptions, session = {}) => {
          const path = join(scratch, 'model.onnx');
          await parts.program.use('test', (program) =>
            exportModelOnnx(parts, program, path, options),
          );
          checkModel(parseOnnx(await readFile(path)));
          const results = await runOnnx(path, golden.batch, session);
          return (output: OutputName): number[] =>
            realNumbers(results, output, perToken(parts, output), golden.lengths);
        };
        const blocks = await run(FOUR_BITS, { graphOptimizationLevel: 'disabled' });
        for (const { options, difference, cosine } of [exact, ...FORMS]) {
          const what = JSON.stringify(options);
          const result = await run(options);
          for (const output of outputs) {
            const expected =
              {
                int8: () => narrow.get(output),
                'int4-weights': () => Float32Array.from(blocks(output)),
              }[options.precision as string] ?? (() => wide.get(output));
            const found = compare(expected() ?? new Float32Array(), result(output));
            expect(found.difference, `${what} ${output}`).toBeLessThan(difference);
            expect(found.cosine, `${what} ${output}`).toBeGreaterThan(cosine);
          }
        }
      });
      await quantized.program.retire();
      await parts.program.retire();
    },
    60_000,
  );
});
