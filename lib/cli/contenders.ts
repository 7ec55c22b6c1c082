/**
 * A model in one precision as something to compare: how Sinter runs it, and its files for ONNX Runtime.
 *
 * The rule: the files are the exports a user can make; where a faster form is also right on this CPU, it is among them.
 */
import { join } from 'node:path';
import type { Matrix } from '../core/matrix.js';
import { native } from '../core/native.js';
import type { OnnxExportOptions } from '../models/export-model.js';
import type { Contender } from './compare.js';

/** What Encoder and Classifier have in common here. */
interface Exportable {
  exportOnnx(path: string, options: OnnxExportOptions): Promise<void>;
}

/** Forms of an int8 file: what ONNX Runtime is fastest with differs between CPUs. */
const INT8_FORMS: readonly {
  readonly form: string;
  readonly options: OnnxExportOptions;
  readonly needsVnni?: boolean;
}[] = [
  { form: 'per-token', options: {} },
  { form: 'per-tensor', options: { activations: 'tensor' } },
  {
    // Without VNNI, ONNX Runtime saturates and the numbers are wrong.
    form: 'per-tensor, signed weights',
    options: { activations: 'tensor', weights: 'int8' },
    needsVnni: true,
  },
];

/** Writes the files into `folder` under names that begin with the precision. */
export async function contenderFor(
  model: Exportable,
  precision: 'f32' | 'int8',
  run: (texts: readonly string[]) => Promise<Matrix>,
  folder: string,
): Promise<Contender> {
  const hasVnni = native().isa().host === 'vnni';
  const forms = precision === 'f32' ? [{ form: '', options: {} }] : INT8_FORMS;
  const files: { form: string; path: string }[] = [];
  for (const [i, one] of forms.entries()) {
    if ('needsVnni' in one && one.needsVnni && !hasVnni) continue;
    const path = join(folder, `${precision}-${i}.onnx`);
    await model.exportOnnx(path, one.options);
    files.push({ form: one.form, path });
  }
  return { precision, run, files };
}
