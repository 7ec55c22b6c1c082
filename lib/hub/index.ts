/**
 * Models by their id on the Hugging Face hub: found in the cache, downloaded only when the caller asks.
 *
 * The cache has the layout of huggingface_hub: what Python downloaded is found here, and the other way round.
 */

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { aboutFile, endInterrupted, saveFile } from '../files/index.js';
import { checkRevision, isModelId, ModelCache } from './cache.js';
import { downloadFile } from './download-file.js';
import { readText, refusal, send, TransientError } from './http.js';
import { chooseFiles } from './model-files.js';
import { patiently } from './patience.js';
import { type HubSettings, hubSettings } from './settings.js';

/** Of the answer that lists a repository: some hundred thousand files. */
const MAX_LIST_BYTES = 16e6;

export interface DownloadProgress {
  /** The file that is being fetched, or is there whole. */
  readonly file: string;
  /** Bytes of it that are there, and in all. */
  readonly loaded: number;
  readonly total: number;
  /** Files that are there whole, and in all. */
  readonly filesDone: number;
  readonly files: number;
}

export interface DownloadOptions {
  /** A branch, a tag or a commit. Default: main. */
  readonly revision?: string;
  /** Further files by pattern, `*` for any characters: ['onnx/*']. Default: what Sinter reads. */
  readonly include?: readonly string[];
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}

/** A folder, a file, or a model of the hub. */
export interface ResolveOptions extends DownloadOptions {
  /** true: what the cache does not have is downloaded. Default: false, nothing touches the network. */
  readonly download?: boolean;
}

/**
 * The folder or file that `name` stands for: an existing path, else the snapshot of a model id in the cache. Throws
 * UNAVAILABLE when it is neither and `download` is not set.
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
  const pull = `\`sinter pull ${name}${revision === 'main' ? '' : ` --revision ${revision}`}\``;
  // Commands have no such option.
  const advice = download === undefined ? `run ${pull}` : `give download: true, or run ${pull}`;
  throw new SinterError(
    'UNAVAILABLE',
    `${where}: ${name} is no file or folder here, and revision ${revision} of a model of this name is not in the cache ` +
      `${settings.cache}; ${advice}`,
    { details: { model: name, cache: settings.cache } },
  );
}

/**
 * Downloads what the cache lacks of a model and gives its folder in the cache. Transfers are resumed, checked against the
 * hub's checksums, and never seen half. When the hub cannot be reached the cached snapshot is used, if there is one. Throws
 * UNAVAILABLE (offline, not found, not permitted, no connection), CORRUPT_MODEL (checksum), FILE_SYSTEM (the cache cannot be
 * written, or the model does not fit), CANCELLED.
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<string> {
  const where = 'downloadModel';
  if (typeof id !== 'string' || !isModelId(id)) {
    throw rangeMistake(`${where}: id`, 'a model id such as org/name', id);
  }
  const { revision = 'main', include, signal } = options;
  checkRevision(where, revision);
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
  // Last, so that a revision never leads to a snapshot that lacks files.
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
