/**
 * The tokenizer of a model that has none: ONNX files often come alone.
 *
 * Texts are refused with what to do; token ids need no tokenizer.
 */

import { SinterError } from '../core/errors.js';
import { TextTokenizer } from './text-tokenizer.js';

/** Every call with a text is UNSUPPORTED_MODEL. It has no files and no tokens. */
export function missingTokenizer(folder: string): TextTokenizer {
  const refuse = async () => {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${folder}: the model has no tokenizer; put its tokenizer.json there, or give token ids to OnnxModel.run`,
      { details: { file: folder } },
    );
  };
  const known: Readonly<Record<string, unknown>> = {
    files: new Map<string, string>(),
    vocabulary: 0,
    specialIds: new Set<number>(),
    maskToken: null,
    useFor: () => {},
  };
  const none = Object.create(TextTokenizer.prototype) as TextTokenizer;
  return new Proxy(none, {
    get: (_, key) => {
      if (typeof key !== 'string' || key === 'then') return undefined;
      return Object.hasOwn(known, key) ? known[key] : refuse;
    },
  });
}
