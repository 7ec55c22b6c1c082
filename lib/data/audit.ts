/**
 * What a data file holds, in figures: labels, repeated texts, texts with two labels.
 *
 * The rule: rows are counted one by one and not kept; texts are compared by their hashes, up to a number of them.
 */
import { createHash } from 'node:crypto';

/** The fields that rows of all kinds share. */
export interface AuditRow {
  readonly text: string;
  readonly pair?: string;
  /** The labels of a row: one per word for tagged text, none for a question. */
  readonly labels: readonly string[];
  readonly line: number;
}

/** A text that several rows have. */
export interface RepeatedText {
  /** Its beginning. */
  readonly text: string;
  readonly count: number;
  /** Of the first rows. */
  readonly lines: readonly number[];
}

/** A text that has one label in one row and another one in another. */
export interface Conflict {
  readonly text: string;
  readonly first: { readonly labels: readonly string[]; readonly line: number };
  readonly second: { readonly labels: readonly string[]; readonly line: number };
}

export interface LabelCount {
  readonly label: string;
  readonly count: number;
}

export interface Audit {
  readonly rows: number;
  /** Rows without a label. */
  readonly unlabelled: number;
  /** The most frequent first. */
  readonly labels: readonly LabelCount[];
  readonly repeated: {
    readonly texts: number;
    readonly rows: number;
    readonly examples: readonly RepeatedText[];
  };
  readonly conflicts: { readonly texts: number; readonly examples: readonly Conflict[] };
  /** Rows whose texts were compared; fewer than all in a very large file. */
  readonly compared: number;
}

/** Most texts whose hashes are kept. */
const MAX_TEXTS = 2_000_000;
/** Most labels that are counted; a column with more holds no classes. */
const MAX_LABELS = 100_000;
const SHOWN_UNITS = 60;
const SHOWN_LINES = 5;
/** Kept of each kind. */
const EXAMPLES = 20;
const HASH_UNITS = 16;

interface Seen {
  readonly labels: readonly string[];
  readonly line: number;
  count: number;
  isConflict: boolean;
}

export class Auditor {
  private readonly counts = new Map<string, number>();
  private readonly seen = new Map<string, Seen>();
  private readonly repeated = new Map<string, { text: string; count: number; lines: number[] }>();
  private readonly conflicts: Conflict[] = [];
  private rows = 0;
  private unlabelled = 0;
  private compared = 0;
  private repeatedTexts = 0;
  private conflictTexts = 0;

  add(row: AuditRow): void {
    this.rows += 1;
    if (row.labels.length === 0) this.unlabelled += 1;
    for (const label of row.labels) {
      const count = this.counts.get(label);
      if (count === undefined && this.counts.size >= MAX_LABELS) continue;
      this.counts.set(label, (count ?? 0) + 1);
    }
    this.compare(row);
  }

  result(): Audit {
    const labels = [...this.counts].map(([label, count]) => ({ label, count }));
    const repeatedRows = [...this.seen.values()].reduce(
      (sum, { count }) => sum + (count > 1 ? count : 0),
      0,
    );
    return {
      rows: this.rows,
      unlabelled: this.unlabelled,
      labels: labels.sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1)),
      repeated: {
        texts: this.repeatedTexts,
        rows: repeatedRows,
        examples: [...this.repeated.values()],
      },
      conflicts: { texts: this.conflictTexts, examples: this.conflicts },
      compared: this.compared,
    };
  }

  private compare({ text, pair, labels, line }: AuditRow): void {
    const key = createHash('sha1')
      .update(JSON.stringify([text, pair]))
      .digest('base64url')
      .slice(0, HASH_UNITS);
    const known = this.seen.get(key);
    const shown = text.slice(0, SHOWN_UNITS);
    if (known === undefined) {
      if (this.seen.size >= MAX_TEXTS) return;
      this.compared += 1;
      this.seen.set(key, { labels, line, count: 1, isConflict: false });
      return;
    }
    this.compared += 1;
    known.count += 1;
    if (known.count === 2) this.repeatedTexts += 1;
    const example = this.repeated.get(key);
    if (example !== undefined) {
      example.count += 1;
      if (example.lines.length < SHOWN_LINES) example.lines.push(line);
    } else if (this.repeated.size < EXAMPLES && known.count === 2) {
      this.repeated.set(key, { text: shown, count: 2, lines: [known.line, line] });
    }
    if (known.isConflict || sameLabels(known.labels, labels)) return;
    known.isConflict = true;
    this.conflictTexts += 1;
    if (this.conflicts.length >= EXAMPLES) return;
    const first = { labels: known.labels, line: known.line };
    this.conflicts.push({ text: shown, first, second: { labels, line } });
  }
}

function sameLabels(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, i) => label === b[i]);
}
