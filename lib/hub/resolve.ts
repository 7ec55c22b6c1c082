/**
 * Resolves the name of a model: a path, else a model of the hub in the cache. It is downloaded only if the caller asks for
 * that.
 *
 * The rule: a path that exists is never looked up anywhere else.
 */

import { stat } from 'node:fs/promises';
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { endInterrupted } from '../files/index.js';
import { checkRevision, isModelId, ModelCache } from './cache.js';
import { downloadModel } from './index.js';
import { hubSettings } from './settings.js';
import type { DownloadOptions } from './types.js';

/** Options for loading a folder, a file, or a model of the hub. */
export interface ResolveOptions extends DownloadOptions {
  /** true: files that the cache lacks are downloaded. Default: false, no network access. */
  readonly download?: boolean;
}

/**
 * The folder or file that `name` stands for: an existing path, else the cached snapshot of a model id. A name that is
 * neither a path nor a model id is returned as it is. Throws UNAVAILABLE if a model id is not cached and `download` is not
 * set.
 */
export async function resolveModel(
  where: string,
  name: string,
  options: ResolveOptions = {},
): Promise<string> {
  if (typeof name !== 'string') throw typeMistake(`${where}: path`, 'a string', name);
  if (name === '') throw rangeMistake(`${where}: path`, 'a folder, a file or a model id', name);
  await endInterrupted(name);
  if ((await stat(name).catch(() => null)) !== null || !isModelId(name)) return name;
  const { revision = 'main', download } = options;
  checkRevision(where, revision);
  if (download) return downloadModel(name, options);
  const settings = await hubSettings();
  const found = await new ModelCache(settings.cache, name).find(revision);
  if (found !== null) return found;
  // More often a file than a model that is called like one.
  if (name.endsWith('.onnx')) return name;
  const pull = `\`sinter pull ${name}${revision === 'main' ? '' : ` --revision ${revision}`}\``;
  // `download` is undefined in commands, which have no such option.
  const advice = download === undefined ? `run ${pull}` : `give download: true, or run ${pull}`;
  throw new SinterError(
    'UNAVAILABLE',
    `${where}: ${name} is no file or folder here, and revision ${revision} of a model of this name is not in the cache ` +
      `${settings.cache}; ${advice}`,
    { details: { model: name, cache: settings.cache } },
  );
}
