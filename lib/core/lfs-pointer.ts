/**
 * Git LFS pointers: the few lines that a clone without Git LFS has in place of a large file.
 *
 * The rule: every file that others wrote is looked at when it is opened, so that no reader takes a pointer for a damaged file.
 */

/** Pointers are smaller than this, says their specification; one that a person edited is still known by its first line. */
export const MAX_POINTER_BYTES = 1024;

/** The first line, without the version; Git LFS took the second address from its forerunner. */
const BEGINS = ['https://git-lfs.github.com/spec/', 'https://hawser.github.com/spec/'].map(
  (address) => `version ${address}`,
);

/** What is wrong with a file of `size` bytes that begins with `head`, if it is a pointer; null for any other file. */
export function pointerProblem(head: Uint8Array, size: number): string | null {
  if (size >= MAX_POINTER_BYTES) return null;
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  if (!BEGINS.some((begin) => text.startsWith(begin))) return null;
  const bytes = /^size (\d+)\s*$/m.exec(text)?.[1];
  const missing = bytes === undefined ? '' : ` (${bytes} bytes are missing)`;
  return `is a Git LFS pointer, not the file itself${missing}; fetch it with \`git lfs pull\``;
}
