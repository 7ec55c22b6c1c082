/**
 * Reads a range of a file and throws when the file is too short for it.
 */

import type { FileHandle } from 'node:fs/promises';
import { readUpTo } from '../core/files.js';
import { corrupt } from './safetensors-header.js';

/** Returns `bytes` bytes from `position` on, in memory of their own. */
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

/** Fills `target` from `position` on. Throws CORRUPT_MODEL for a file that has shrunk since its size was taken. */
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
