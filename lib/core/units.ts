/**
 * Numbers with units, as people read them in terminals and reports.
 *
 * The rule: a value that is not finite, or a negative duration or size, is shown as "-", never as NaN.
 */

/** A duration as "950 ms", "12.3 s", "4 min 05 s" or "2 h 03 min". */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '-';
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A size as "512 B", "1.5 kB" or "23.4 MB": decimal units, as file managers and model hubs use. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '-';
  let value = bytes;
  let unit = 'B';
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  const digits = unit === 'B' || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${unit}`;
}

/** A number as "12,345" or "3.142": thousands separated, `digits` after the point. */
export function formatNumber(value: number, digits = 0): string {
  if (!Number.isFinite(value)) return '-';
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A number of things: "1 text", "2,000 texts". */
export function formatCount(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A share as a percentage: 0.8987 becomes "89.87 %". */
export function formatPercent(share: number, digits = 2): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '-';
}

/** The name of a score in words: "macroF1" as "macro F1". */
export function nameInWords(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, after: string) =>
    after === 'F' ? `${before} ${after}` : `${before} ${after.toLowerCase()}`,
  );
}
