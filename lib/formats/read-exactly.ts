/**
 * Reading a range of a file that must be there.
 */

import type { FileHandle } from 'node:fs/promises';
import { readUpTo } from '../core/files.js';
import { corrupt } from './safetensors-header.js';

/** `bytes` bytes at `position`, in memory of their own. */
export async function readExactly(
  handle: FileHandle,
  file: string,
  position: number,
  bytes: number,
) {
  const target = new Uint8Array(bytes);
  await readInto(handle, file, position, target);
  return target;
}

/** Fills `target`; a file that shrank after its size was taken is CORRUPT_MODEL. */
export async function readInto(
  handle: FileHandle,
  file: string,
  position: number,
  target: Uint8Array,
) {
  const done = await readUpTo(handle, position, target);
  const missing = target.byteLength - done;
  if (missing > 0) throw corrupt(file, position + done, `ends ${missing} bytes too early`);
}
