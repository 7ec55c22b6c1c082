/**
 * Writes one JSON document with a list of rows, piece by piece.
 */
import { printableJson } from '../core/visible.js';
import type { TextOutput } from './text-output.js';

/** The fields of `head`, then `rows`, whose items are given as JSON texts. */
export function jsonDocument(output: TextOutput, head: Readonly<Record<string, unknown>>) {
  const begin = printableJson(JSON.stringify(head)).slice(0, -1);
  let before = `${begin}${begin === '{' ? '' : ','}"rows":[`;
  let isEmpty = true;
  return {
    write: async (rows: readonly string[]): Promise<void> => {
      if (rows.length === 0) return;
      await output(before + rows.join(','));
      [before, isEmpty] = [',', false];
    },
    finish: (): Promise<void> => output(isEmpty ? `${before}]}\n` : ']}\n'),
  };
}
