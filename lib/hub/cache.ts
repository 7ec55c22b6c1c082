/**
 * The Hugging Face cache on disk: models--org--name/{blobs, refs, snapshots}.
 *
 * Names come from outside (the caller, the hub), so no name may lead out of the model's folder.
 */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { rangeMistake, SinterError } from '../core/errors.js';

/** `org/name`, or a name without an organisation, which the hub's oldest models have. */
const MODEL_ID = /^(?:[\w][\w.-]{0,95}\/)?[\w][\w.-]{0,95}$/;
const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a string has the form of a model id on the hub. */
export function isModelId(text: string): boolean {
  return MODEL_ID.test(text) && !text.includes('..') && !text.includes('--');
}

/** Throws RangeError unless `revision` has the form of a branch, a tag or a commit. */
export function checkRevision(where: string, revision: string): void {
  const parts = revision.split('/');
  if (/^[\w][\w./-]{0,127}$/.test(revision) && !parts.some((part) => /^\.*$/.test(part))) return;
  throw rangeMistake(`${where}: revision`, 'a branch, a tag or a commit', revision);
}

/** Paths of one model in the cache. */
export class ModelCache {
  readonly folder: string;

  constructor(cache: string, id: string) {
    this.folder = join(cache, `models--${id.replace('/', '--')}`);
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  ref(revision: string): string {
    return join(this.folder, 'refs', revision);
  }

  snapshot(commit: string): string {
    if (!COMMIT.test(commit)) {
      throw new SinterError(
        'UNAVAILABLE',
        `${this.folder}: ${JSON.stringify(commit)} is no commit`,
      );
    }
    return join(this.folder, 'snapshots', commit);
  }

  /** The snapshot folder of `revision`; null if it is not in the cache. */
  async find(revision: string): Promise<string | null> {
    const ref = await readFile(this.ref(revision), 'utf8').catch(() => null);
    const commit = ref?.trim() ?? revision;
    if (!COMMIT.test(commit)) return null;
    const folder = this.snapshot(commit);
    const stats = await stat(folder).catch(() => null);
    return stats?.isDirectory() ? folder : null;
  }
}
