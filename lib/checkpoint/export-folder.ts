/**
 * Writes a model as a folder of ONNX files with all files that transformers.js, optimum and sentence-transformers look for.
 *
 * `onnx/model.onnx` and its variants have the names of transformers.js. The weights of the transformer are in these files
 * only; those of sentence-transformers modules are in their own folders too.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { OPSETS, type Opset } from '../formats/onnx/opsets.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { CalibrationOptions } from './calibrate.js';
import { exportModelOnnx, type OnnxExportOptions } from './export-model.js';

/**
 * One file each: `f32` model.onnx, `f16` model_fp16.onnx, `q8` model_quantized.onnx (dynamic int8, right on every CPU),
 * `int8` model_int8.onnx (the same with signed weights: faster with VNNI, wrong without), `q4` model_q4.onnx (4-bit weights
 * for ONNX Runtime's MatMulNBits), `qdq` model_qdq.onnx (static int8, needs `calibration`).
 */
export type OnnxVariant = 'f32' | 'f16' | 'q8' | 'int8' | 'q4' | 'qdq';

/** Options of `exportOnnxFolder`. */
export interface OnnxFolderOptions {
  /** Variants to write. Default: f32, f16 and q8. */
  readonly precisions?: readonly OnnxVariant[];
  /** ONNX operator set, 14 to 21. Default: 17. */
  readonly opset?: Opset;
  /** For `qdq`, which needs it. */
  readonly calibration?: CalibrationOptions;
  /** Whether weights go to files of their own. Default: only above 2 GB. */
  readonly externalData?: boolean;
  /** Whether to replace an existing model folder; one with other files in it is refused. Default: false. */
  readonly overwrite?: boolean;
  /** Ends the export with CANCELLED; nothing is written then. */
  readonly signal?: AbortSignal;
}

export const ONNX_VARIANTS: readonly OnnxVariant[] = ['f32', 'f16', 'q8', 'int8', 'q4', 'qdq'];

const VARIANTS: Readonly<Record<OnnxVariant, { file: string; options: OnnxExportOptions }>> = {
  f32: { file: 'model.onnx', options: { precision: 'f32' } },
  f16: { file: 'model_fp16.onnx', options: { precision: 'f16' } },
  q8: { file: 'model_quantized.onnx', options: { precision: 'int8' } },
  int8: { file: 'model_int8.onnx', options: { precision: 'int8', weights: 'int8' } },
  q4: {
    file: 'model_q4.onnx',
    options: { precision: 'int4-weights', blocks: { operator: 'MatMulNBits', symmetric: false } },
  },
  qdq: { file: 'model_qdq.onnx', options: { precision: 'int8-static' } },
};

const WHERE = 'exportOnnxFolder';

/**
 * Writes the folder, whole or not at all. RangeError for a folder with content, unless `overwrite` is set and it is a model
 * folder.
 */
export async function exportOnnxFolder(
  parts: ModelParts,
  program: NativeProgram,
  path: string,
  options: OnnxFolderOptions,
): Promise<void> {
  if (typeof path !== 'string') throw typeMistake(`${WHERE}: path`, 'a string', path);
  const read = readOptions(WHERE, options, {
    precisions: true,
    opset: true,
    calibration: true,
    externalData: true,
    overwrite: true,
    signal: true,
  });
  const variants = checkVariants(options);
  const opset = read.choice('opset', undefined, OPSETS);
  const externalData = read.boolean('externalData', undefined);
  const signal = read.signal();
  const common = {
    ...(opset !== undefined && { opset }),
    ...(externalData !== undefined && { externalData }),
    ...(signal && { signal }),
  };
  const { calibration } = options;
  const { folderContent, inputsOf } = await import('./folder-content.js');
  const { writeHfFolder } = await import('../formats/hf-folder-writer.js');
  const { configForOnnx } = await import('../graph/sinter-file.js');
  const { config, ...content } = await folderContent(parts, program, 'f32', true);
  const modules = (content.sentence?.settings.modules ?? []).flatMap((module) =>
    module.kind === 'normalize' ? [] : [`${module.name}.`],
  );
  const weights = [...content.weights].filter(({ name }) =>
    modules.some((prefix) => name.startsWith(prefix)),
  );
  const more = async (folder: string): Promise<void> => {
    await mkdir(join(folder, 'onnx'));
    for (const variant of variants) {
      const { file, options: own } = VARIANTS[variant];
      const measured = variant === 'qdq' && calibration !== undefined ? { calibration } : {};
      const target = join(folder, 'onnx', file);
      await exportModelOnnx(parts, program, target, { ...own, ...common, ...measured });
    }
  };
  const overwrite = read.boolean('overwrite', false);
  const where = 'exportOnnxFolder';
  const folderOptions = { where, overwrite, ...(await inputsOf(parts, path)) };
  const said = configForOnnx(config);
  await writeHfFolder(path, { ...content, config: said, weights, more }, folderOptions);
}

function checkVariants({ precisions = ['f32', 'f16', 'q8'], calibration }: OnnxFolderOptions) {
  if (!Array.isArray(precisions)) {
    throw typeMistake(`${WHERE}: precisions`, 'an array', precisions);
  }
  const what = `one or more of ${ONNX_VARIANTS.join(', ')}`;
  const wrong = precisions.find((name) => !ONNX_VARIANTS.includes(name as OnnxVariant));
  if (wrong !== undefined || precisions.length === 0) {
    throw rangeMistake(`${WHERE}: precisions`, what, wrong ?? precisions);
  }
  if (precisions.includes('qdq') !== (calibration !== undefined)) {
    const needed = precisions.includes('qdq') ? 'given for qdq' : 'left out without qdq';
    throw rangeMistake(`${WHERE}: calibration`, needed, calibration);
  }
  return [...new Set(precisions as readonly OnnxVariant[])];
}
