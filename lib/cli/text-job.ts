/**
 * Works through the texts of `predict` or `embed` group by group, and brings the results to a file or to stdout.
 *
 * The rule: a file is read to its end before the work begins, so that a mistake in its last row costs nothing; lines of stdin are
 * answered as they come.
 */
import { formatDuration, formatNumber } from '../core/units.js';
import { FilePlace, fileError } from '../files/index.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { Console, Surroundings } from './context.js';
import { outputTo, type TextOutput } from './text-output.js';
import { asTheyCome, countTexts, inChunks, type TextSource } from './text-source.js';

/** Fewer texts get no progress bar. */
const FEW_TEXTS = 256;

/** Where results go: a file that is claimed, or stdout. */
export class ResultPlace implements AsyncDisposable {
  private constructor(
    /** The path of --out; null for stdout. */
    readonly path: string | null,
    readonly place: FilePlace | null,
    private readonly surroundings: Surroundings,
  ) {}

  /** Claims the file before any work is done. Files in `inputs` are never overwritten. */
  static async take(
    path: string | undefined,
    inputs: readonly (string | undefined)[],
    surroundings: Surroundings,
  ): Promise<ResultPlace> {
    if (path === undefined) return new ResultPlace(null, null, surroundings);
    const read = inputs.filter((input) => input !== undefined);
    return new ResultPlace(path, await FilePlace.take(path, { inputs: read }), surroundings);
  }

  /** Whether result lines appear on the terminal, where a progress bar would be in their way. */
  get isSeen(): boolean {
    return this.place === null && this.surroundings.stdout.isTTY === true;
  }

  get output(): TextOutput {
    const { place, surroundings } = this;
    if (place === null) return outputTo(surroundings.stdout, surroundings.signal);
    return async (text) => void (await place.file.appendFile(text));
  }

  /** Runs `work`, which writes everything and gives the number of rows, and brings the file to its place. */
  async finish(
    work: () => Promise<number>,
    { what, json, out }: { readonly what: string; readonly json: object; readonly out: Console },
  ): Promise<void> {
    const { path, place } = this;
    const start = performance.now();
    if (path === null || place === null) {
      await work();
      return;
    }
    const rows = await work().catch((error: unknown) => {
      throw fileError(error, path);
    });
    await place.place();
    const ms = performance.now() - start;
    out.say(`${formatNumber(rows)} ${what} written to ${path} in ${formatDuration(ms)}`, {
      keepsWords: true,
    });
    out.json({ rows, out: path, ...json, seconds: ms / 1000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place?.[Symbol.asyncDispose]();
  }
}

export interface TextJob {
  /** What the progress says: "predicting". */
  readonly label: string;
  readonly source: TextSource;
  /** Number of texts; null where it is unknown. */
  readonly total: number | null;
  /** Most texts at a time; the results of one group are in memory. */
  readonly groupTexts: number;
  readonly out: Console;
}

/** Number of texts, which also finds every mistake in a file; null for stdin. */
export async function totalOf(source: TextSource): Promise<number | null> {
  return source.isRepeatable ? countTexts(source) : null;
}

/** Does `work` for each group, with progress, and gives the number of texts. `first` is the index of the group's first text. */
export async function eachGroup(
  { label, source, total, groupTexts, out }: TextJob,
  work: (inputs: readonly TextInput[], first: number) => Promise<void>,
): Promise<number> {
  const isLong = total === null || total > FEW_TEXTS;
  const progress = isLong ? out.progress(label, total, 'texts') : null;
  const groups = source.isRepeatable ? inChunks : asTheyCome;
  let done = 0;
  try {
    for await (const inputs of groups(source.open(), groupTexts)) {
      await work(inputs, done);
      done += inputs.length;
      progress?.update(done);
    }
  } catch (error) {
    progress?.stop();
    throw error;
  }
  progress?.finish(`${formatNumber(done)} texts`);
  return done;
}
