/**
 * Finds the files of external data that a cache entry names, and checks that their content is still the same.
 */

import { externalPath } from '../../formats/onnx/import/reader/external-path.js';
import { contentDigest, type DigestCall } from './content-digest.js';
import type { ExternalFile } from './kept-onnx.js';
import type { StoredFile } from './stored-tensors.js';

/** Null when a file is missing, has another content, or lies where it must not. */
export async function externalFiles(
  model: string,
  external: readonly ExternalFile[],
  call: DigestCall,
): Promise<StoredFile[] | null> {
  const files: StoredFile[] = [];
  for (const { name, digest } of external) {
    try {
      const path = externalPath(model, name, name);
      const found = await contentDigest(path, call);
      if (found.digest !== digest) return null;
      files.push({ name, path, stamp: found.stamp });
    } catch {
      return null;
    }
  }
  return files;
}
