/** The options of an audit log. The rule: keys come from the options or the environment, and are never written or shown. */
import { rangeMistake } from '../../core/errors.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import type { AuditHead } from './audit-log.js';

/** Where and how requests are logged for an audit. */
export interface AuditOptions {
  /** Folder of the log; made if it is not there. One process writes it at a time. */
  readonly folder: string;
  /** Key of the hashes, so that only who has it can write lines that verify. Default: none, plain SHA-256. */
  readonly key?: string;
  /** Adds the hash of each text, to find a request by its text. Default: false. */
  readonly textHash?: boolean;
  /** Key of the hashes of texts; short texts can be guessed without one. Default: `key`. */
  readonly textKey?: string;
  /**
   * `always`: after every write, so that a loss of power loses what was told since; `interval`: every `fsyncMs`; `never`: when the
   * system wants to. A kill of the process loses only what is in memory, whatever is chosen. Default: `interval`.
   */
  readonly fsync?: 'always' | 'interval' | 'never';
  /** Milliseconds. Default: 1000. */
  readonly fsyncMs?: number;
  /** A file that would become larger is followed by a new one. Default: 64 MiB. */
  readonly maxFileBytes?: number;
  /** Lines that wait for the disk; beyond it lines are dropped and counted. Default: 16 MiB. */
  readonly maxBufferBytes?: number;
  /** Told of the end of the log after every 1000 requests; keep it where the log's writer cannot change it. */
  readonly onAnchor?: (head: AuditHead) => void;
  /** Told once when the log cannot be written. Serving goes on. */
  readonly onFailure?: (error: unknown) => void;
}

/** With defaults filled in. */
export interface AuditSettings {
  readonly folder: string;
  readonly key: string | null;
  readonly textHash: boolean;
  readonly textKey: string | null;
  readonly fsync: 'always' | 'interval' | 'never';
  readonly fsyncMs: number;
  readonly maxFileBytes: number;
  readonly maxBufferBytes: number;
  readonly onAnchor: ((head: AuditHead) => void) | undefined;
  readonly onFailure: ((error: unknown) => void) | undefined;
}

const KNOWN: KnownOptions<AuditOptions> = {
  ...{ folder: true, key: true, textHash: true, textKey: true, fsync: true, fsyncMs: true },
  ...{ maxFileBytes: true, maxBufferBytes: true, onAnchor: true, onFailure: true },
};

/** A file of one line would be followed by a new one at once. */
const LEAST_FILE_BYTES = 4096;

export function readAuditOptions(where: string, options: AuditOptions): AuditSettings {
  const at = `${where}: audit`;
  const read = readOptions(at, options, KNOWN);
  const folder = read.text('folder', undefined);
  if (folder === undefined) throw rangeMistake(`${at}: folder`, 'a path', options.folder);
  const key = read.text('key', undefined) ?? null;
  return {
    ...{ folder, key },
    textHash: read.boolean('textHash', false),
    textKey: read.text('textKey', undefined) ?? key,
    fsync: read.choice('fsync', 'interval', ['always', 'interval', 'never'] as const),
    fsyncMs: read.count('fsyncMs', 1000),
    maxFileBytes: read.count('maxFileBytes', 64 << 20, LEAST_FILE_BYTES),
    maxBufferBytes: read.count('maxBufferBytes', 16 << 20),
    onAnchor: read.callback('onAnchor'),
    onFailure: read.callback('onFailure'),
  };
}
