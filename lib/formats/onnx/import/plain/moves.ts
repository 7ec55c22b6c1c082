/** Operators that only move elements of their first input, so that they may run before or after quantization. */

export const MOVES: ReadonlySet<string> = new Set([
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Slice',
  'Gather',
  'Expand',
  'Identity',
]);
