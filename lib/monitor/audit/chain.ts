/**
 * Lines of an audit log: JSON objects, each with the hash of the line before it and its own.
 *
 * The rule: a line is hashed as the text that stands in the file, so that nothing has to be written again to be verified.
 */
import { createHash, createHmac } from 'node:crypto';

/** What stands before the first line of a log. */
export const NO_HASH = '0'.repeat(64);

/** Kinds of lines. */
export type AuditKind = 'open' | 'request' | 'anchor' | 'dropped' | 'close';

/** The fields that every line has; `prev` and `hash` are added to them. */
export interface AuditEntry {
  /** Number of the line in the log, from 1, through all of its files. */
  readonly seq: number;
  /** ISO date. */
  readonly time: string;
  readonly kind: AuditKind;
}

/** A line as it is read back. */
export interface AuditLine extends AuditEntry {
  readonly prev: string;
  readonly hash: string;
}

/** SHA-256 of a text in hex; with a key HMAC-SHA256, which only who has the key can make. */
export function hashOf(text: string, key: string | null): string {
  const hash = key === null ? createHash('sha256') : createHmac('sha256', key);
  return hash.update(text).digest('hex');
}

/** The line for an entry, without its line feed, and its hash. */
export function chainLine(
  entry: AuditEntry & Readonly<Record<string, unknown>>,
  prev: string,
  key: string | null,
): { readonly text: string; readonly hash: string } {
  const body = JSON.stringify({ ...entry, prev }).slice(0, -1);
  const hash = hashOf(body, key);
  return { text: `${body},"hash":"${hash}"}`, hash };
}

const LINE = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;

/** What is wrong with a line; null where it follows the line before it. */
export function brokenLine(
  text: string,
  before: { readonly seq: number; readonly hash: string } | null,
  key: string | null,
): { readonly what: string } | { readonly line: AuditLine } {
  const [, body, hash] = LINE.exec(text) ?? [];
  if (body === undefined || hash === undefined)
    return { what: 'it is not a whole line of the log' };
  if (hashOf(body, key) !== hash) {
    const why = key === null ? '' : ', or the key is another one';
    return { what: `its content does not have its hash: it was changed${why}` };
  }
  const line = lineOf(text);
  if (line === null) return { what: 'it is no line of an audit log' };
  if (before === null) return { line };
  if (line.seq !== before.seq + 1) {
    return {
      what: `its number is ${line.seq} after ${before.seq}: lines are missing or were moved`,
    };
  }
  if (line.prev !== before.hash) {
    return { what: 'it does not follow the line before it: that one is another one' };
  }
  return { line };
}

const KINDS: readonly string[] = ['open', 'request', 'anchor', 'dropped', 'close'];

function lineOf(text: string): AuditLine | null {
  try {
    const line = JSON.parse(text) as Partial<AuditLine> | null;
    const isLine =
      Number.isSafeInteger(line?.seq) &&
      typeof line?.prev === 'string' &&
      KINDS.includes(line.kind ?? '');
    return isLine ? (line as AuditLine) : null;
  } catch {
    return null;
  }
}
