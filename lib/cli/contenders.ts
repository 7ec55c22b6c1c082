/**
 * Prepares a model in one precision for comparison: how Sinter runs it, and its files for ONNX Runtime.
 *
 * The rule: the files are exports that a user can make; a faster form is among them where its results are right on this CPU.
 */
import { join } from 'node:path';
import type { OnnxExportOptions } from '../checkpoint/export-model.js';
import type { Matrix } from '../core/matrix.js';
import type { ActivationBits } from '../graph/types.js';
import { hasExactByteProducts } from '../native/byte-products.js';
import { native } from '../native/native.js';
import type { Contender } from './compare.js';

/** The part of Encoder and Classifier that is used here. */
interface Exportable {
  readonly quantization: { readonly activationBits: ActivationBits | null } | null;
  exportOnnx(path: string, options: OnnxExportOptions): Promise<void>;
}

/** Forms of an int8 file: which one is fastest in ONNX Runtime differs between CPUs. */
const INT8_FORMS: readonly {
  readonly form: string;
  readonly options: OnnxExportOptions;
  readonly needsVnni?: boolean;
  /** Activation bits that the form requires. */
  readonly bits?: ActivationBits;
}[] = [
  { form: 'per-token', options: {} },
  // Codes of 7 bits cannot saturate with signed weights, on any CPU.
  { form: 'per-token, signed weights', options: { weights: 'int8' }, bits: 7 },
  { form: 'per-tensor', options: { activations: 'tensor' }, bits: 8 },
  {
    // Without VNNI, ONNX Runtime saturates and the results are wrong.
    form: 'per-tensor, signed weights',
    options: { activations: 'tensor', weights: 'int8' },
    needsVnni: true,
    bits: 8,
  },
];

/** Exports the files into `folder` under names that begin with the precision. */
export async function contenderFor(
  model: Exportable,
  precision: 'f32' | 'int8',
  run: (texts: readonly string[]) => Promise<Matrix>,
  folder: string,
): Promise<Contender> {
  const hasVnni = native().isa().levels.some(hasExactByteProducts);
  const bits = model.quantization?.activationBits ?? 8;
  const forms: typeof INT8_FORMS = precision === 'f32' ? [{ form: '', options: {} }] : INT8_FORMS;
  const files: { form: string; path: string }[] = [];
  for (const [i, one] of forms.entries()) {
    if ((one.needsVnni === true && !hasVnni) || (one.bits ?? bits) !== bits) continue;
    const path = join(folder, `${precision}-${i}.onnx`);
    await model.exportOnnx(path, one.options);
    files.push({ form: one.form, path });
  }
  return { precision, run, files };
}
