/**
 * Git LFS pointers: the few lines of text that a clone without Git LFS has in place of a large file.
 *
 * The rule: every file that somebody else wrote is checked when it is opened, so that no reader takes a pointer for a
 * damaged file.
 */

/** Pointers are smaller than this by their specification. The first line alone decides, so edited pointers are found too. */
export const MAX_POINTER_BYTES = 1024;

/** Beginnings of the first line, up to the version. The second address is of hawser, the forerunner of Git LFS. */
const BEGINS = ['https://git-lfs.github.com/spec/', 'https://hawser.github.com/spec/'].map(
  (address) => `version ${address}`,
);

/** The problem, in words, if a file of `size` bytes that begins with `head` is a Git LFS pointer; null for other files. */
export function pointerProblem(head: Uint8Array, size: number): string | null {
  if (size >= MAX_POINTER_BYTES) return null;
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  if (!BEGINS.some((begin) => text.startsWith(begin))) return null;
  const bytes = /^size (\d+)\s*$/m.exec(text)?.[1];
  const missing = bytes === undefined ? '' : ` (${bytes} bytes are missing)`;
  return `is a Git LFS pointer, not the file itself${missing}; fetch it with \`git lfs pull\``;
}
