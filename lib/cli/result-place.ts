/**
 * Where the rows of a command go: to stdout, to a file that appears whole or not at all, or (--resume) to a file that grows over
 * several runs of the command.
 *
 * The rule: the place is claimed before any work is done, so that what can be refused costs nothing.
 */

import type { FingerprintedFile } from '../bulk/fingerprint.js';
import type { BulkProgress, PartialFile } from '../bulk/partial-file.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { formatDuration, formatNumber } from '../core/units.js';
import { FilePlace, fileError } from '../files/index.js';
import { usageMistake } from './arguments.js';
import type { Console, Surroundings } from './context.js';
import { NOTHING_DONE, type RowFile, rowFileOf } from './row-file.js';
import { outputTo, type TextOutput } from './text-output.js';
import { countTexts, type TextSource } from './text-source.js';

/** What says where rows go. */
export interface PlaceOptions {
  readonly out?: string | undefined;
  readonly input?: string | undefined;
  readonly model?: string | undefined;
  readonly resume?: boolean;
}

/** A run that can be resumed: the file, and what its rows come from. */
interface Resumed {
  readonly partial: PartialFile;
  readonly path: string;
  readonly input: FingerprintedFile;
}

export class ResultPlace implements AsyncDisposable {
  private done = NOTHING_DONE;
  private isFinished = false;

  private constructor(
    /** The path of --out; null for stdout. */
    readonly path: string | null,
    private readonly plain: FilePlace | null,
    private readonly resumed: Resumed | null,
    /** The file of rows; null for stdout. */
    readonly file: RowFile | null,
    private readonly surroundings: Surroundings,
  ) {}

  /** Claims the file. Files that the work reads are never overwritten. With `resume` the input is read once, for its fingerprint. */
  static async take(options: PlaceOptions, surroundings: Surroundings): Promise<ResultPlace> {
    const { out, input, model, resume } = options;
    const inputs = [input, model].filter((path) => path !== undefined);
    if (resume === true) return takeResumable(options, inputs, surroundings);
    if (out === undefined) return new ResultPlace(null, null, null, null, surroundings);
    const place = await FilePlace.take(out, { inputs });
    return new ResultPlace(out, place, null, rowFileOf(place), surroundings);
  }

  static of(resumed: Resumed, out: string, surroundings: Surroundings): ResultPlace {
    return new ResultPlace(out, null, resumed, resumed.partial, surroundings);
  }

  /** Whether result lines appear on the terminal, where a progress bar would be in their way. */
  get isSeen(): boolean {
    return this.file === null && this.surroundings.stdout.isTTY === true;
  }

  get output(): TextOutput {
    const { file, surroundings } = this;
    if (file === null) return outputTo(surroundings.stdout, surroundings.signal);
    return (text) => file.append(text);
  }

  /** The rows that an earlier run left, from which the work goes on. */
  get before(): BulkProgress {
    return this.done;
  }

  /** Number of texts, which also finds every mistake in a file; null for stdin. An earlier run has counted those of its input. */
  async totalOf(source: TextSource): Promise<number | null> {
    if (!source.isRepeatable) return null;
    const found = this.resumed?.partial.found;
    if (found && found.subject.input === this.resumed?.input.fingerprint) return found.total;
    return countTexts(source);
  }

  /** Begins or goes on; `subject` gives what the rows depend on beside the input. Does nothing without --resume. */
  async begin(total: number | null, subject: () => Promise<JsonObject>): Promise<void> {
    if (this.resumed === null) return;
    const { partial, input } = this.resumed;
    const job = {
      subject: { input: input.fingerprint, ...(await subject()) },
      total: total ?? 0,
    };
    const done = await partial.open(job);
    if (done === null) this.isFinished = true;
    else this.done = done;
  }

  /** Throws FILE_SYSTEM if so many rows of at least so many bytes do not fit. */
  async needs(rows: number, rowBytes: number): Promise<void> {
    if (this.isFinished) return;
    await this.plain?.needs({ total: rows * rowBytes });
    await this.resumed?.partial.needs((rows - this.done.rows) * rowBytes);
  }

  /** A later run goes on behind these rows. */
  async commit(rows: number, note: JsonValue): Promise<void> {
    await this.resumed?.partial.commit(rows, note);
    this.done = { ...this.done, rows };
  }

  /** Runs `work`, which writes everything and gives the number of rows, and brings the file to its place. */
  async finish(
    work: () => Promise<number>,
    { what, json, out }: { readonly what: string; readonly json: object; readonly out: Console },
  ): Promise<void> {
    const { path } = this;
    const start = performance.now();
    if (path === null) {
      await work();
      return;
    }
    const from = this.done.rows;
    const rows = await this.worked(work, path, out);
    const ms = performance.now() - start;
    const known = from > 0 ? `, ${formatNumber(from)} of them by earlier runs` : '';
    out.say(`${formatNumber(rows)} ${what} written to ${path} in ${formatDuration(ms)}${known}`, {
      keepsWords: true,
    });
    const resumed = this.resumed === null ? {} : { resumedFrom: from };
    out.json({ rows, out: path, ...json, ...resumed, seconds: ms / 1000 });
  }

  /** The number of rows, once the file is at its place. */
  private async worked(work: () => Promise<number>, path: string, out: Console): Promise<number> {
    if (this.isFinished) return this.resumed?.partial.found?.total ?? 0;
    const rows = await work().catch((error: unknown) => {
      const kept = this.resumed?.partial.partialPath;
      const count = formatNumber(this.done.rows);
      if (kept) out.note(`${count} rows are kept in ${kept}; the same command goes on from there`);
      throw fileError(error, path);
    });
    if (this.resumed !== null) {
      const { checkUnchanged } = await import('../bulk/fingerprint.js');
      await checkUnchanged(this.resumed.path, this.resumed.input);
      await this.resumed.partial.place();
    }
    await this.plain?.place();
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plain?.[Symbol.asyncDispose]();
    await this.resumed?.partial[Symbol.asyncDispose]();
  }
}

async function takeResumable(
  { out, input }: PlaceOptions,
  inputs: readonly string[],
  surroundings: Surroundings,
): Promise<ResultPlace> {
  if (out === undefined) throw usageMistake('--resume goes on with a file: give --out FILE');
  if (input === undefined || input === '-') {
    throw usageMistake('--resume reads its input again: give --input FILE');
  }
  const { fingerprintFile } = await import('../bulk/fingerprint.js');
  const { PartialFile } = await import('../bulk/partial-file.js');
  const partial = await PartialFile.take(out, inputs, surroundings.signal);
  try {
    const read = await fingerprintFile(input, surroundings.signal);
    return ResultPlace.of({ partial, path: input, input: read }, out, surroundings);
  } catch (error) {
    await partial[Symbol.asyncDispose]();
    throw error;
  }
}
