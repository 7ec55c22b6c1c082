/**
 * The reference evaluator on ONNX Runtime's own test files of graph fusions, against that runtime on random inputs.
 *
 * These are the spellings that optimizers look for; files that the runtime itself refuses are left out and counted.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../../lib/core/errors.js';
import { f16ToF32, f32ToF16 } from '../../../lib/formats/float16.js';
import type { OnnxModel, Tensor, ValueInfo } from '../../../lib/formats/onnx/import/model.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { evaluate } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { session, toOrt } from './ort-judge.js';
import { generator, real, sizeOf, whole } from './random-tensors.js';
import { SHARED_ONNX } from './zoo.js';

const FOLDERS = ['ort2026', 'ort130_optimized'];
/** Inputs of more numbers than this cost time and show nothing more. */
const TOO_LARGE = 2 ** 20;

/** The shape of an input: 2 for every open axis. */
function shapeOf(input: ValueInfo): number[] {
  return (input.dims ?? [2]).map((dim) => (typeof dim === 'number' ? dim : 2));
}

/** Numbers that fit an input: ids 0 or 1, as the tables are tiny; no key masked; half precision on its grid. */
function random(input: ValueInfo, next: () => number): Tensor {
  const dims = shapeOf(input);
  if (/mask/.test(input.name) && input.dtype === 'int64') return whole('int64', dims, 1, 1, next);
  switch (input.dtype) {
    case 'float32':
      return real(dims, next, 1);
    case 'float16': {
      const data = f16ToF32(f32ToF16(real(dims, next, 1).data as Float32Array));
      return { dtype: 'float16', dims, data };
    }
    case 'int64':
    case 'int32':
      return whole(input.dtype, dims, 0, 1, next);
    case 'int8':
      return whole('int8', dims, -128, 127, next);
    case 'uint8':
      return whole('uint8', dims, 0, 255, next);
    default:
      return whole('bool', dims, 0, 1, next);
  }
}

function given(tensor: Tensor): OrtTensor {
  if (tensor.dtype !== 'float16') return toOrt(tensor);
  return new OrtTensor('float16', f32ToF16(tensor.data as Float32Array), tensor.dims);
}

function numbers(value: OrtTensor): ArrayLike<number> {
  const { data } = value;
  if (value.type === 'float16') return f16ToF32(Uint16Array.from(data as Uint16Array));
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/** The runtime's outputs; null when it refuses the file or these inputs. */
async function judged(path: string, feeds: ReadonlyMap<string, Tensor>) {
  try {
    const judge = await session(path);
    return await judge.run(
      Object.fromEntries([...feeds].map(([name, value]) => [name, given(value)])),
    );
  } catch {
    return null;
  }
}

function expectEqual(model: OnnxModel, actual: Tensor, expected: OrtTensor): void {
  const values = numbers(expected);
  const half = [...model.graph.inputs, ...model.graph.outputs].some((v) => v.dtype === 'float16');
  const scale = Math.max(1, ...Array.from(values, Math.abs));
  expect(actual.dims).toEqual(expected.dims);
  for (let i = 0; i < values.length; i++) {
    const apart = Math.abs((actual.data[i] as number) - (values[i] as number));
    if (!(apart <= (half ? 5e-3 : 1e-4) * scale)) expect(actual.data[i]).toBe(values[i]);
  }
}

const tally = { compared: 0, unknown: [] as string[] };

describe.skipIf(!existsSync(join(SHARED_ONNX, 'ort2026')))(
  'files of fusions (needs ../shared/fixtures/onnx)',
  () => {
    for (const folder of FOLDERS) {
      it(folder, async () => {
        const files = readdirSync(join(SHARED_ONNX, folder)).filter((name) => /\.onnx$/.test(name));
        for (const name of files) {
          const path = join(SHARED_ONNX, folder, name);
          const model = await readOnnxModel(path);
          if (model.graph.inputs.some((input) => sizeOf(shapeOf(input)) > TOO_LARGE)) continue;
          const next = generator(17);
          const feeds = new Map(
            model.graph.inputs.map((input) => [input.name, random(input, next)]),
          );
          const expected = await judged(path, feeds);
          if (!expected) continue;
          try {
            const outputs = await evaluate(model, feeds);
            for (const [key, value] of outputs) {
              expectEqual(model, value, expected[key] as OrtTensor);
            }
            tally.compared++;
          } catch (error) {
            if (!(error instanceof SinterError)) throw new Error(name, { cause: error });
            expect(error.code, name).toBe('UNSUPPORTED_MODEL');
            tally.unknown.push(name);
          }
        }
      }, 120_000);
    }

    it('agree, except files with operators of images', () => {
      expect(tally.compared).toBeGreaterThanOrEqual(100);
      // Conv and Resize: no encoder of text has them.
      expect(tally.unknown).toEqual([
        'constant_folding_dequantizelinear.onnx',
        'constant_folding_dequantizelinear.qdq16.onnx',
        'constant_folding_dequantizelinear.qdq16_contrib.onnx',
        'constant_folding_dequantizelinear.qdq_contrib.onnx',
        'qdq_minimal_model.onnx',
      ]);
    });
  },
);
