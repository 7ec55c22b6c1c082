/**
 * Downloads one file of the hub into the cache: resumes an earlier transfer, checks the checksum, then links the file into
 * the snapshot.
 *
 * A blob under its final name is complete; an incomplete one is named `.sinter.incomplete`. huggingface_hub uses
 * `.incomplete` and other locks, so both can download at the same time.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { SinterError } from '../core/errors.js';
import { checkSpace, syncFile } from '../files/index.js';
import type { ModelCache } from './cache.js';
import { readInTime, refusal, send, TransientError } from './http.js';
import { withLock } from './lock.js';
import { patiently } from './patience.js';
import type { HubSettings } from './settings.js';

export interface FileRequest {
  readonly settings: HubSettings;
  readonly cache: ModelCache;
  readonly id: string;
  readonly commit: string;
  readonly file: string;
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes that have arrived and the size of the file. */
  readonly onBytes: (loaded: number, total: number) => void;
}

interface Remote {
  /** Address of the content. A redirect to another host has been followed already. */
  readonly url: string;
  readonly etag: string;
  readonly size: number;
}

/**
 * Makes sure that `snapshots/<commit>/<file>` exists and returns its size in bytes. Its errors name the file: UNAVAILABLE,
 * CORRUPT_MODEL (checksum), CANCELLED.
 */
export async function downloadFile(request: FileRequest): Promise<number> {
  const { cache, commit, file, signal } = request;
  const target = join(cache.snapshot(commit), file);
  const known = await stat(target).catch(() => null);
  if (known !== null) return known.size;
  const remote = await patiently(signal, () => describe(request));
  const blob = cache.blob(remote.etag);
  const lock = join(
    dirname(cache.folder),
    '.locks',
    cache.folder.slice(dirname(cache.folder).length + 1),
    remote.etag,
  );
  await mkdir(dirname(blob), { recursive: true });
  await withLock(lock, signal, async () => {
    if (!(await exists(blob))) await transfer(request, remote, blob);
    if (!(await exists(target))) await place(blob, target);
  });
  return remote.size;
}

/** Links the blob into the snapshot. The caller must hold the blob's lock. */
async function place(blob: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await symlink(relative(dirname(target), blob), target).catch(
    async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return;
      // Without links: some file systems have none, and Windows may not permit them.
      const copy = `${blob}.sinter.copy`;
      try {
        await copyFile(blob, copy);
        await rename(copy, target);
      } finally {
        await rm(copy, { force: true });
      }
    },
  );
}

/** Asks for address, etag and size of a file without its content. */
async function describe({ settings, id, commit, file, signal }: FileRequest): Promise<Remote> {
  const path = file.split('/').map(encodeURIComponent).join('/');
  const url = `${settings.endpoint}/${id}/resolve/${commit}/${path}`;
  const response = await send(settings, { method: 'HEAD', url, follow: 'same-origin', signal });
  const what = `${id}: ${file}`;
  if (response.status >= 400) throw refusal(response, what, settings);
  const { headers } = response;
  // For files in large storage, the redirect that leads there has headers with etag and size.
  const etag = plainEtag(headers.get('x-linked-etag') ?? headers.get('etag'));
  const size = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN);
  if (etag === null || !Number.isSafeInteger(size) || size < 0) {
    throw new SinterError('UNAVAILABLE', `${what}: the hub gives no etag or size for it`);
  }
  const location = headers.get('location');
  return { url: location === null ? response.url || url : new URL(location, url).href, etag, size };
}

function plainEtag(header: string | null): string | null {
  const etag = header?.replace(/^W\//, '').replaceAll('"', '') ?? '';
  return /^[\w-][\w.-]{7,127}$/.test(etag) ? etag : null;
}

/** Downloads into `<blob>.sinter.incomplete` until it is complete, checks it, then renames it to `blob`. */
async function transfer(request: FileRequest, remote: Remote, blob: string): Promise<void> {
  const part = `${blob}.sinter.incomplete`;
  const have = async () => (await stat(part).catch(() => null))?.size ?? 0;
  const needs = { total: remote.size - (await have()), largest: remote.size };
  await checkSpace(dirname(part), request.cache.folder, needs);
  for (let round = 0; ; round++) {
    let current = remote;
    const fetchMissing = async () => {
      if ((await have()) < current.size) await fetchRest(request, current, part);
    };
    await patiently(request.signal, fetchMissing, {
      progress: have,
      // An address in large storage expires after a while.
      again: async () => {
        current = await describe(request);
      },
    });
    if (await isIntact(part, remote)) break;
    await rm(part, { force: true });
    if (round === 0) continue;
    throw new SinterError(
      'CORRUPT_MODEL',
      `${request.id}: ${request.file}: what was downloaded does not have the checksum ${remote.etag}`,
      { details: { file: request.file } },
    );
  }
  await rename(part, blob);
}

/** Requests the missing bytes once. */
async function fetchRest(request: FileRequest, remote: Remote, part: string): Promise<void> {
  const { settings, signal, onBytes } = request;
  let at = (await stat(part).catch(() => null))?.size ?? 0;
  const headers: Record<string, string> = at > 0 ? { range: `bytes=${at}-` } : {};
  const response = await send(settings, {
    method: 'GET',
    url: remote.url,
    headers,
    follow: 'all',
    signal,
  });
  const { status, body } = response;
  const resumes =
    status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${at}-`);
  if (status === 416 || (status === 206 && !resumes)) {
    await body?.cancel();
    await rm(part, { force: true });
    throw new TransientError(
      `${request.id}: ${request.file}: the server does not go on at byte ${at}`,
    );
  }
  if (!response.ok || body === null) {
    await body?.cancel();
    throw refusal(response, `${request.id}: ${request.file}`, settings);
  }
  if (!resumes) at = 0;
  const handle = await open(part, resumes ? 'a' : 'w');
  const reader = body.getReader();
  try {
    for (;;) {
      const piece = await readInTime(reader, settings, `${request.id}: ${request.file}`, signal);
      if (piece === null) break;
      if (at + piece.byteLength > remote.size) {
        throw new TransientError(
          `${request.id}: ${request.file}: more than ${remote.size} bytes were sent`,
        );
      }
      await handle.write(piece);
      at += piece.byteLength;
      onBytes(at, remote.size);
    }
    await syncFile(handle);
  } finally {
    await reader.cancel().catch(() => {});
    await handle.close();
  }
  if (at < remote.size)
    throw new TransientError(`${request.id}: ${request.file}: broke off at byte ${at}`);
}

/**
 * Checks the size, and the checksum if the etag is one: 64 hex digits are the SHA-256 of the file, 40 the SHA-1 of its git
 * blob.
 */
async function isIntact(path: string, { etag, size }: Remote): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  // No request was made for an empty file, so it is created here.
  if (size === 0 && stats === null) await (await open(path, 'w')).close();
  else if (stats?.size !== size) return false;
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) return true;
  const hash = createHash(etag.length === 64 ? 'sha256' : 'sha1');
  if (etag.length === 40) hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === etag;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
