/**
 * An audit log: one line per request, written behind the answers, without texts.
 *
 * The rule: serving never waits for the disk. Lines are chained when they are told, gathered in memory, and written together. Where
 * the disk is too slow for `maxBufferBytes`, or takes nothing, lines are dropped and the next one that is written says how many.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FinishedRequest, ModelResult } from '../records.js';
import { type AuditEnd, auditFileName, openAuditEnd } from './audit-files.js';
import { type AuditKind, chainLine } from './chain.js';
import { AuditLock } from './lock.js';
import type { AuditSettings } from './options.js';
import { TextHashes } from './text-hashes.js';

/** Lines between two anchors. */
const ANCHOR_LINES = 1000;

const TOO_SLOW = 'the disk was too slow';

/** The end of a log at some time: with it, lines that are missing at the end are found. */
export interface AuditHead {
  readonly file: string;
  readonly seq: number;
  readonly hash: string;
}

export class AuditLog {
  private readonly hashes: TextHashes;
  private buffer: string[] = [];
  private bufferBytes = 0;
  private dropped = 0;
  private whyDropped = TOO_SLOW;
  private writing: Promise<void> = Promise.resolve();
  private isWriting = false;
  private isClosed = false;
  private sinceAnchor = 0;
  private unsynced = false;
  private readonly timer: NodeJS.Timeout;
  /** Why the disk took nothing the last time; null while it does. */
  private failure: unknown = null;
  /** Requests in lines that are not written yet, with those that such lines call dropped. */
  private unwritten = 0;
  /** The last line that is in the file. */
  private written: Pick<AuditEnd, 'seq' | 'hash'>;
  /** Ends that are told once they are in the file. */
  private anchors: Pick<AuditEnd, 'seq' | 'hash'>[] = [];

  private constructor(
    private readonly settings: AuditSettings,
    private readonly lock: AuditLock,
    private handle: FileHandle,
    private fileNumber: number,
    private fileBytes: number,
    private end: Pick<AuditEnd, 'seq' | 'hash'>,
  ) {
    this.hashes = new TextHashes(settings.textKey);
    this.written = end;
    this.timer = setInterval(() => this.tick(), settings.fsyncMs);
    this.timer.unref();
  }

  /**
   * Opens the log of a folder and goes on after its last line, in a new file. FILE_SYSTEM where it cannot be written or another
   * process writes it, INVALID_DATA where its last line is broken.
   */
  static async open(settings: AuditSettings): Promise<AuditLog> {
    const { folder, key } = settings;
    const lock = await AuditLock.take(folder);
    try {
      const end = await openAuditEnd(folder, key);
      const number = end.file + 1;
      const handle = await open(join(folder, auditFileName(number)), 'ax', 0o600);
      const log = new AuditLog(settings, lock, handle, number, 0, end);
      const isClean = end.kind === null || end.kind === 'close';
      log.write('open', {
        version: 1,
        keyed: key !== null,
        ...(!isClean && { note: 'the log was not closed: the process that wrote it was ended' }),
        ...(end.torn !== null && { healed: end.torn }),
      });
      await log.flush();
      if (log.failure === null) return log;
      clearInterval(log.timer);
      await handle.close();
      throw log.failure;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** The last line that was told. Keep it elsewhere: with it, lines missing at the end are found. */
  get head(): AuditHead {
    return { file: auditFileName(this.fileNumber), seq: this.end.seq, hash: this.end.hash };
  }

  /** Keeps the hashes of a request's texts until `onRequest` is told of it. */
  onResult({ facts, inputs }: ModelResult): void {
    if (this.settings.textHash) this.hashes.keep(facts, inputs);
  }

  onRequest(request: FinishedRequest): void {
    const { requestId, route, status, outcome, model, version, key, method } = request;
    const { totalMs, facts } = request;
    const round = (ms: number) => Math.round(ms * 1000) / 1000;
    this.write('request', {
      ...{ requestId, route, status, outcome, model, version, key, method },
      totalMs: round(totalMs),
      ...(facts !== null && {
        ...{ texts: facts.texts, tokens: facts.tokens, truncated: facts.truncated },
        queueMs: round(facts.queueMs),
        inferenceMs: round(facts.inferenceMs),
      }),
      ...this.hashes.take(facts),
    });
  }

  /** Resolves when all lines that were told are written, and synced as `fsync` says. */
  async flush(): Promise<void> {
    while (this.buffer.length > 0 || this.isWriting) {
      this.start();
      await this.writing;
    }
    await this.sync();
  }

  /** Writes what waits and a last line, and lets another process have the folder. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    clearInterval(this.timer);
    if (this.failure !== null) await this.recover();
    this.write('close', {});
    this.isClosed = true;
    await this.flush().catch((error: unknown) => this.fail(error));
    await this.handle.close();
    await this.lock.release();
  }

  private write(kind: AuditKind, fields: Readonly<Record<string, unknown>>): void {
    if (this.isClosed) return;
    if (this.failure !== null || this.bufferBytes > this.settings.maxBufferBytes) {
      if (kind === 'request') this.dropped++;
      if (this.failure === null) this.whyDropped = TOO_SLOW;
      return;
    }
    this.appendDropped();
    this.append(kind, fields);
    if (kind === 'request' && ++this.sinceAnchor >= ANCHOR_LINES) this.anchor();
    this.start();
  }

  private appendDropped(): void {
    const count = this.dropped;
    this.dropped = 0;
    if (count === 0) return;
    this.append('dropped', { count, why: this.whyDropped });
    this.unwritten += count;
  }

  private append(kind: AuditKind, fields: Readonly<Record<string, unknown>>): void {
    if (kind === 'request') this.unwritten++;
    const seq = this.end.seq + 1;
    const entry = { seq, time: new Date().toISOString(), kind, ...fields };
    const { text, hash } = chainLine(entry, this.end.hash, this.settings.key);
    this.end = { seq, hash };
    this.buffer.push(`${text}\n`);
    this.bufferBytes += Buffer.byteLength(text) + 1;
  }

  private anchor(): void {
    this.sinceAnchor = 0;
    this.append('anchor', { requests: ANCHOR_LINES });
    this.anchors.push(this.end);
  }

  private tick(): void {
    if (this.failure !== null) {
      if (!this.isWriting) void this.recover();
      return;
    }
    if (this.settings.fsync === 'interval' && this.unsynced) {
      this.writing = this.writing
        .then(() => this.sync())
        .catch((error: unknown) => this.fail(error));
    }
    this.start();
  }

  private start(): void {
    if (this.isWriting || this.buffer.length === 0) return;
    this.isWriting = true;
    this.writing = this.writing
      .then(() => this.writeOut())
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.isWriting = false;
      });
  }

  private async writeOut(): Promise<void> {
    while (this.buffer.length > 0) {
      const bytes = Buffer.from(this.buffer.join(''), 'utf8');
      const { end, unwritten } = this;
      const anchors = this.anchors.splice(0);
      this.buffer = [];
      if (this.fileBytes > 0 && this.fileBytes + bytes.length > this.settings.maxFileBytes) {
        await this.rotate();
      }
      for (let at = 0; at < bytes.length; ) {
        at += (await this.handle.write(bytes, at)).bytesWritten;
      }
      this.fileBytes += bytes.length;
      this.written = end;
      this.unwritten -= unwritten;
      const file = auditFileName(this.fileNumber);
      for (const anchor of anchors) this.settings.onAnchor?.({ file, ...anchor });
      this.bufferBytes = this.buffer.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
      this.unsynced = true;
      if (this.settings.fsync === 'always') await this.sync();
    }
  }

  private async rotate(): Promise<void> {
    await this.sync();
    const path = join(this.settings.folder, auditFileName(this.fileNumber + 1));
    const next = await open(path, 'ax', 0o600);
    await this.handle.close();
    this.handle = next;
    this.fileNumber++;
    this.fileBytes = 0;
  }

  private async sync(): Promise<void> {
    if (!this.unsynced || this.settings.fsync === 'never') return;
    this.unsynced = false;
    await this.handle.datasync();
  }

  /** A log that cannot be written is said once; serving goes on, and what it would have had is counted as dropped. */
  private fail(error: unknown): void {
    this.buffer = [];
    this.bufferBytes = 0;
    this.dropped += this.unwritten;
    this.unwritten = 0;
    this.anchors = [];
    // The chain goes on from the last line that is in the file, which may not be on the disk yet.
    this.end = this.written;
    this.unsynced = true;
    this.whyDropped = `the disk took no lines: ${reasonOf(error)}`;
    if (this.failure === null) this.settings.onFailure?.(error);
    this.failure = error;
  }

  /** Tries whether the disk takes lines again: cuts off what is there of a line, and writes how many are missing. */
  private recover(): Promise<void> {
    this.isWriting = true;
    this.writing = this.writing
      .then(async () => {
        await this.handle.truncate(this.fileBytes);
        this.appendDropped();
        await this.writeOut();
        await this.sync();
        this.failure = null;
      })
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.isWriting = false;
      });
    return this.writing;
  }
}

/** The code of a system's error, which shows no path. */
function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : 'it failed';
}
