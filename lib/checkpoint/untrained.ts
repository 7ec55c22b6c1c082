/**
 * Weights that were drawn at random and never trained: how the files of a model say so, and how a call does.
 *
 * The mark lies beside the weights, not in config.json: whoever trains the saved model with another library writes new weights
 * and leaves it out.
 */

import { SinterError } from '../core/errors.js';
import type { WeightFiles } from '../formats/weight-files.js';
import type { ModelParts } from '../runtime/model-parts.js';

/** Key in the metadata of safetensors and ONNX files; the value is a JSON list of names. */
const KEY = 'sinter.untrained';
/** Code of the process warning. */
const WARNING = 'SINTER_UNTRAINED_HEAD';
/** Calls that need no trained head. */
const SILENT: readonly string[] = ['info', 'train'];

/** What goes into the metadata of a weight file, where weights are called by `fileName`. */
export function untrainedMark(
  { origin }: ModelParts,
  fileName: (weight: string) => string = (weight) => weight,
): Readonly<Record<string, string>> {
  const names = origin.untrained.map(fileName);
  return names.length === 0 ? {} : { [KEY]: JSON.stringify(names) };
}

/** The tensors that the files call untrained. Throws CORRUPT_MODEL for a mark that is no list of names. */
export function untrainedTensors(weights: WeightFiles): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { path, text } of weights.metadata(KEY)) {
    for (const name of listOf(text, path)) names.add(name);
  }
  return names;
}

function listOf(text: string, file: string): readonly string[] {
  try {
    const names: unknown = JSON.parse(text);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // Said below.
  }
  throw new SinterError('CORRUPT_MODEL', `${file}: metadata ${KEY} must be a list of names`, {
    details: { file },
  });
}

/** Says once for each call of a model that its head was never trained, as a warning of the process. */
export class UntrainedWarnings {
  private readonly said = new Set<string>();

  check(where: string, { origin, path }: ModelParts): void {
    if (origin.untrained.length === 0 || SILENT.includes(where) || this.said.has(where)) return;
    this.said.add(where);
    process.emitWarning(
      `${where}: the head on ${path} was drawn at random and never trained (${origin.untrained.join(', ')}): what it says is ` +
        'chance until it is trained',
      { type: 'SinterWarning', code: WARNING },
    );
  }
}
