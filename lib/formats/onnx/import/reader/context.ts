/**
 * State of parsing one model: its files, the count of its parts, and the wording of errors.
 */

import { externalPath } from './external-path.js';
import { Parts } from './limits.js';
import { ModelFile } from './model-file.js';
import { type CorruptCategory, corruptOnnx, type OnnxPlace, unsupportedOnnx } from './problem.js';

export class ParseContext {
  readonly file: ModelFile;
  readonly parts: Parts;
  readonly #external = new Map<string, ModelFile>();

  constructor(path: string) {
    this.file = new ModelFile(path);
    this.parts = new Parts(path);
  }

  /** All files of the model, its own first. */
  get files(): readonly ModelFile[] {
    return [this.file, ...this.#external.values()];
  }

  /** Opens the file of external data at `location`, which must be in the model's folder. */
  externalFile(location: string, tensor: string): ModelFile {
    const known = this.#external.get(location);
    if (known) return known;
    const file = new ModelFile(externalPath(this.file.path, location, tensor), location);
    file.close();
    this.#external.set(location, file);
    return file;
  }

  corrupt(category: CorruptCategory, what: string, place: OnnxPlace = {}, cause?: unknown): Error {
    return corruptOnnx(this.file.name, category, what, place, cause);
  }

  unsupported(what: string, place: OnnxPlace = {}): Error {
    return unsupportedOnnx(this.file.name, what, place);
  }
}
