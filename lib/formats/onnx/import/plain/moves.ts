/** Operators that only move elements, so that they may run before or after quantization. First input: the data. */

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
