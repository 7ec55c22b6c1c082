/**
 * Reading a range of a file that must be there.
 */

import type { FileHandle } from 'node:fs/promises';
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
  let done = 0;
  while (done < target.byteLength) {
    const wanted = target.byteLength - done;
    const { bytesRead } = await handle.read(target, done, wanted, position + done);
    if (bytesRead === 0) throw corrupt(file, position + done, `ends ${wanted} bytes too early`);
    done += bytesRead;
  }
}
