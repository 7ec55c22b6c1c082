/**
 * The files of external data that an entry of the cache names, if they are what they were when it was written.
 */

import { externalPath } from '../../formats/onnx/import/reader/external-path.js';
import { contentDigest, type DigestCall } from './content-digest.js';
import type { ExternalFile } from './kept-onnx.js';
import type { StoredFile } from './stored-tensors.js';

/** null where one is not there, has another content, or may not lie where it does. */
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
