/**
 * Verifies audit logs: every line has its hash and follows the one before it, through all files.
 *
 * The rule: the first broken line is named. What lines alone cannot show, that some are missing at the very end, is shown by a head
 * that was kept elsewhere.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SinterError } from '../../core/errors.js';
import { aboutFile } from '../../files/index.js';
import { auditFileName, auditFileNumbers } from './audit-files.js';
import { type AuditLine, brokenLine, NO_HASH } from './chain.js';

/** What was found in a log. */
export interface AuditVerification {
  /** Whether every line is as it was written. */
  readonly isIntact: boolean;
  readonly files: number;
  readonly lines: number;
  readonly requests: number;
  /** The first broken line; null where there is none. */
  readonly broken: { readonly file: string; readonly line: number; readonly what: string } | null;
  /** The last good line; null without any. */
  readonly head: { readonly seq: number; readonly hash: string } | null;
  /** What a reader should know: kills, healed ends, a beginning that is not the first line, dropped lines. */
  readonly notes: readonly string[];
}

export interface VerifyOptions {
  /** Key of the hashes. Default: none. */
  readonly key?: string;
  /** Hash of a line that must be in the log, as `head` or an anchor had it. */
  readonly head?: string;
}

/** Verifies files, in the order of the log, or a folder of them. FILE_SYSTEM where one cannot be read. */
export async function verifyFiles(
  paths: readonly string[],
  { key, head }: VerifyOptions = {},
): Promise<AuditVerification> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  if (files.length === 0) {
    throw new SinterError('NOT_FOUND', `${paths.join(', ')}: there is no audit log`);
  }
  const reader = new LogReader(key ?? null, head ?? null);
  for (const [i, file] of files.entries()) {
    await reader.read(file, i === files.length - 1);
    if (reader.broken !== null) break;
  }
  return reader.result(files.length);
}

async function filesOf(path: string): Promise<string[]> {
  return aboutFile(path, async () => {
    if (!(await stat(path)).isDirectory()) return [path];
    await readdir(path);
    const numbers = await auditFileNumbers(path);
    return numbers.map((number) => join(path, auditFileName(number)));
  });
}

class LogReader {
  broken: AuditVerification['broken'] = null;
  private lines = 0;
  private requests = 0;
  private last: AuditLine | null = null;
  private hasHead: boolean;
  private readonly notes: string[] = [];

  constructor(
    private readonly key: string | null,
    private readonly wanted: string | null,
  ) {
    this.hasHead = wanted === null;
  }

  async read(file: string, isLast: boolean): Promise<void> {
    let line = 0;
    for await (const { text, isWhole } of linesOf(file)) {
      line++;
      // What a kill left is healed when the log is opened again; until then it is no fault of the log.
      if (!isWhole && isLast) {
        this.notes.push(
          `${basename(file)}:${line}: the last line is not whole: the writer was ended`,
        );
        break;
      }
      const checked = isWhole
        ? brokenLine(text, this.last, this.key)
        : { what: 'it is not a whole line of the log' };
      if ('what' in checked) {
        this.broken = { file, line, what: checked.what };
        return;
      }
      this.take(file, line, checked.line);
    }
  }

  result(files: number): AuditVerification {
    const { lines, requests, last, notes } = this;
    if (this.broken === null && !this.hasHead) {
      const what = `the line with the hash ${this.wanted} is missing: lines were cut off, or the log is another one`;
      this.broken = { file: '', line: 0, what };
    }
    if (this.broken === null && last !== null && last.kind !== 'close') {
      notes.push(
        'the log has no last line: the writer still runs or was ended, or lines are missing',
      );
    }
    const head = last === null ? null : { seq: last.seq, hash: last.hash };
    return {
      isIntact: this.broken === null,
      files,
      lines,
      requests,
      broken: this.broken,
      head,
      notes,
    };
  }

  private take(file: string, number: number, line: AuditLine): void {
    const at = `${basename(file)}:${number}`;
    if (this.last === null && line.prev !== NO_HASH) {
      this.notes.push(`${at}: the log begins with line ${line.seq}; earlier files are not here`);
    }
    this.lines++;
    this.last = line;
    if (line.hash === this.wanted) this.hasHead = true;
    const { kind, note, healed, count } = line as AuditLine & Readonly<Record<string, unknown>>;
    if (kind === 'request') this.requests++;
    if (typeof note === 'string') this.notes.push(`${at}: ${note}`);
    const { bytes } = (healed ?? {}) as { readonly bytes?: unknown };
    if (typeof bytes === 'number')
      this.notes.push(`${at}: ${bytes} bytes of a torn line were cut off`);
    if (kind === 'dropped') this.notes.push(`${at}: ${String(count)} lines were dropped`);
  }
}

/** A longer line was not written by us. */
const MOST_LINE_CHARACTERS = 1 << 20;

/** The lines of a file; the last one may lack its line feed. */
async function* linesOf(file: string): AsyncGenerator<{ text: string; isWhole: boolean }> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) yield { text, isWhole: true };
    if (rest.length > MOST_LINE_CHARACTERS) {
      yield { text: '', isWhole: true };
      return;
    }
  }
  if (rest !== '') yield { text: rest, isWhole: false };
}
