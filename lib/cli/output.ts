/**
 * Formats what commands print: numbers with units, and JSON for programs.
 *
 * The rule: text from files never reaches the terminal raw; control characters are shown, not obeyed.
 */
import { printableJson } from '../core/visible.js';

export { formatBytes, formatDuration, formatNumber, formatPercent } from '../core/units.js';
export { printable, printableLines } from '../core/visible.js';

/** Where text goes: process.stdout, process.stderr, or a collector in tests. */
export interface TextSink {
  write(text: string): unknown;
  /** Whether the stream is a terminal. */
  readonly isTTY?: boolean;
  /** Columns of the terminal; a terminal may say 0. */
  readonly columns?: number;
}

/** One JSON document on one line: typed arrays as arrays, bigints as numbers, NaN and infinities as null. */
export function writeJson(sink: TextSink, value: unknown): void {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return Number(item);
    if (ArrayBuffer.isView(item) && !(item instanceof DataView)) {
      return Array.from(item as Uint8Array, Number);
    }
    return item;
  });
  sink.write(`${printableJson(text ?? 'null')}\n`);
}
