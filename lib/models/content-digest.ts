/**
 * A digest of a file's content: SHA-256 of the SHA-256 of each of its blocks.
 *
 * Blocks are read and hashed off the JavaScript thread, several at a time, so that a file of gigabytes keeps nobody waiting.
 */

import { createHash, webcrypto } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { type FileStamp, openRegular, readUpTo } from '../core/files.js';

const BLOCK_BYTES = 2 << 20;
const AT_A_TIME = 4;

export interface ContentDigest {
  readonly digest: string;
  /** Of the file while it was read. */
  readonly stamp: FileStamp;
}

/** Throws CORRUPT_MODEL for what is no regular file or ends early, CANCELLED. */
export async function contentDigest(
  path: string,
  {
    where = 'load',
    signal,
  }: { readonly where?: string; readonly signal?: AbortSignal | undefined },
): Promise<ContentDigest> {
  const problem = (what: string, cause?: unknown) =>
    new SinterError('CORRUPT_MODEL', `${path}: ${what}`, { details: { file: path }, cause });
  const handle = await openRegular(path, problem);
  try {
    const { dev, ino, size, mtimeMs } = await handle.stat();
    const count = Math.ceil(size / BLOCK_BYTES);
    const digests = new Uint8Array(32 * count);
    let next = 0;
    const work = async () => {
      for (let i = next++; i < count; i = next++) {
        throwIfAborted(signal, where);
        const length = Math.min(BLOCK_BYTES, size - i * BLOCK_BYTES);
        const block = await readBlock(handle, i * BLOCK_BYTES, length);
        if (block === null) throw problem('became shorter while it was read');
        digests.set(new Uint8Array(await webcrypto.subtle.digest('SHA-256', block)), 32 * i);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count) }, work));
    const digest = createHash('sha256').update(`${size}\n`).update(digests).digest('hex');
    return { digest, stamp: { dev, ino, size, mtimeMs } };
  } finally {
    await handle.close();
  }
}

/** null when the file ends before. */
async function readBlock(
  handle: FileHandle,
  begin: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const block = new Uint8Array(length);
  return (await readUpTo(handle, begin, block)) === length ? block : null;
}
