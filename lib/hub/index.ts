/**
 * Models of the Hugging Face hub: downloads that the caller asks for. resolve.ts finds models that are in the cache.
 *
 * The cache has the layout of huggingface_hub, so Python and Sinter find each other's downloads.
 */

import { rangeMistake } from '../core/errors.js';
import { checkRevision, isModelId } from './cache.js';
import type { DownloadOptions } from './types.js';

export type { DownloadOptions, DownloadProgress } from './types.js';

/**
 * Downloads the files of a model that the cache lacks and returns the model's folder in the cache. Transfers are resumed and
 * checked against the hub's checksums; a file appears only when complete. If the hub cannot be reached, the cached snapshot
 * is used if there is one.
 *
 * Throws UNAVAILABLE (offline, not found, not permitted, no connection), CORRUPT_MODEL (checksum), FILE_SYSTEM (the cache
 * cannot be written, or the model does not fit), CANCELLED.
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<string> {
  const where = 'downloadModel';
  if (typeof id !== 'string' || !isModelId(id)) {
    throw rangeMistake(`${where}: id`, 'a model id such as org/name', id);
  }
  checkRevision(where, options.revision ?? 'main');
  // Loaded on demand, because most programs never download anything.
  const { download } = await import('./download.js');
  return download(id, options);
}
