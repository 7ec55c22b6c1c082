/**
 * Marks weights that were drawn at random and never trained, in the files of a model and in warnings of calls.
 *
 * The mark is in the weight file, not in config.json: another library that trains the saved model writes new weights, and so
 * drops the mark.
 */

import { SinterError } from '../core/errors.js';
import type { WeightFiles } from '../formats/weight-files.js';
import type { ModelParts } from '../runtime/model-parts.js';

/** Key in the metadata of safetensors and ONNX files; the value is a JSON list of names. */
const KEY = 'sinter.untrained';
/** Code of the process warning. */
const WARNING = 'SINTER_UNTRAINED_HEAD';
/** Calls that give no warning, because they need no trained head. */
const SILENT: readonly string[] = ['info', 'train'];

/** Metadata of a weight file with the mark; `fileName` gives the names of weights in the file. */
export function untrainedMark(
  { origin }: ModelParts,
  fileName: (weight: string) => string = (weight) => weight,
): Readonly<Record<string, string>> {
  const names = origin.untrained.map(fileName);
  return names.length === 0 ? {} : { [KEY]: JSON.stringify(names) };
}

/** Names of the tensors that the files mark as untrained. Throws CORRUPT_MODEL for a mark that is no list of names. */
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

/** Warns once for each call of a model, as a warning of the process, that its head was never trained. */
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
