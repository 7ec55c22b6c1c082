/**
 * Downloads the files of a model that the cache lacks: first the list of files, then one file after the other.
 *
 * The rule: the ref of a revision is written last, so it never leads to an incomplete snapshot.
 */

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SinterError } from '../core/errors.js';
import { aboutFile, saveFile } from '../files/index.js';
import { ModelCache } from './cache.js';
import { downloadFile } from './download-file.js';
import { readText, refusal, send, TransientError } from './http.js';
import { chooseFiles } from './model-files.js';
import { patiently } from './patience.js';
import { type HubSettings, hubSettings } from './settings.js';
import type { DownloadOptions } from './types.js';

/** Limit of the list of a repository's files: some hundred thousand files. */
const MAX_LIST_BYTES = 16e6;

/** As downloadModel, for an id and a revision that have been checked. */
export async function download(id: string, options: DownloadOptions): Promise<string> {
  const { revision = 'main', include, signal } = options;
  const settings = await hubSettings();
  const cache = new ModelCache(settings.cache, id);
  if (settings.offline) return cachedOr(cache, revision, () => offline(id, settings));
  let listed: { commit: string; names: readonly string[] };
  try {
    listed = await patiently(signal, () => listFiles(settings, id, revision, signal));
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    return cachedOr(cache, revision, () => error);
  }
  const { commit } = listed;
  const names = chooseFiles(listed.names, include);
  if (names.length === 0) {
    throw new SinterError('UNAVAILABLE', `${id}: the repository has no file that Sinter reads`);
  }
  await aboutFile(cache.folder, () => fetchAll(cache, settings, id, { ...options, commit, names }));
  return cache.snapshot(commit);
}

async function fetchAll(
  cache: ModelCache,
  settings: HubSettings,
  id: string,
  options: DownloadOptions & { readonly commit: string; readonly names: readonly string[] },
): Promise<void> {
  const { revision = 'main', commit, names, onProgress, signal } = options;
  for (const [filesDone, file] of names.entries()) {
    const onBytes = (loaded: number, total: number) =>
      onProgress?.({ file, loaded, total, filesDone, files: names.length });
    const size = await downloadFile({ settings, cache, id, commit, file, signal, onBytes });
    const done = { file, loaded: size, total: size, filesDone: filesDone + 1 };
    onProgress?.({ ...done, files: names.length });
  }
  if (commit !== revision) {
    await mkdir(dirname(cache.ref(revision)), { recursive: true });
    await saveFile(cache.ref(revision), commit);
  }
}

async function listFiles(
  settings: HubSettings,
  id: string,
  revision: string,
  signal: AbortSignal | undefined,
): Promise<{ commit: string; names: readonly string[] }> {
  const url = `${settings.endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}`;
  const response = await send(settings, { method: 'GET', url, follow: 'all', signal });
  if (!response.ok) throw refusal(response, `${id} (revision ${revision})`, settings);
  const text = await readText(
    response,
    MAX_LIST_BYTES,
    settings,
    `${id}: the list of files`,
    signal,
  );
  const { sha, siblings } = parse(text, id);
  if (typeof sha !== 'string' || !Array.isArray(siblings)) throw strange(id);
  const names = siblings.map(
    (item: unknown) => (item as { rfilename?: unknown } | null)?.rfilename,
  );
  if (!names.every((name): name is string => typeof name === 'string')) throw strange(id);
  return { commit: sha, names };
}

function parse(text: string, id: string) {
  try {
    return (JSON.parse(text) ?? {}) as { sha?: unknown; siblings?: unknown };
  } catch {
    throw strange(id);
  }
}

function strange(id: string): SinterError {
  return new SinterError('UNAVAILABLE', `${id}: the hub's answer is not a list of files`);
}

function offline(id: string, { cache }: HubSettings): SinterError {
  return new SinterError(
    'UNAVAILABLE',
    `${id}: HF_HUB_OFFLINE is set and the model is not in the cache ${cache}`,
  );
}

async function cachedOr(
  cache: ModelCache,
  revision: string,
  error: () => SinterError,
): Promise<string> {
  const found = await cache.find(revision);
  if (found === null) throw error();
  return found;
}
