/**
 * SHA-256 of a file's content, in slices of about a millisecond: the next block is read while one is hashed.
 */

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { SinterError, throwIfAborted } from '../../core/errors.js';
import { type FileStamp, openRegular, readUpTo } from '../../core/files.js';

const BLOCK_BYTES = 1 << 20;

export interface ContentDigest {
  readonly digest: string;
  /** Stamp of the file while it was read. */
  readonly stamp: FileStamp;
}

export interface DigestCall {
  readonly where?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Throws CORRUPT_MODEL for a file that is not regular or ends early, and CANCELLED. */
export async function contentDigest(
  path: string,
  { where = 'load', signal }: DigestCall = {},
): Promise<ContentDigest> {
  const problem = (what: string, cause?: unknown) =>
    new SinterError('CORRUPT_MODEL', `${path}: ${what}`, { details: { file: path }, cause });
  const handle = await openRegular(path, problem);
  try {
    const { dev, ino, size, mtimeMs } = await handle.stat();
    const hash = createHash('sha256').update(`${size}\n`);
    for await (const block of blocksOf(handle, size)) {
      throwIfAborted(signal, where);
      if (block === null) throw problem('became shorter while it was read');
      hash.update(block);
    }
    return { digest: hash.digest('hex'), stamp: { dev, ino, size, mtimeMs } };
  } finally {
    await handle.close();
  }
}

/** Blocks of the file, each valid only until the next; null when the file ends before `size`. */
async function* blocksOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array | null> {
  const buffers = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] as const;
  const read = async (begin: number, buffer: Uint8Array) => {
    const block = buffer.subarray(0, Math.min(BLOCK_BYTES, size - begin));
    return (await readUpTo(handle, begin, block)) === block.length ? block : null;
  };
  let next = size > 0 ? read(0, buffers[0]) : null;
  for (let begin = 0; next !== null; begin += BLOCK_BYTES) {
    const block: Uint8Array | null = await next;
    const more: number = begin + BLOCK_BYTES;
    const other = buffers[(more / BLOCK_BYTES) % 2 === 0 ? 0 : 1];
    next = block !== null && more < size ? read(more, other) : null;
    yield block;
  }
}
