/**
 * Progress of a long job: a bar on a terminal, a plain line every tenth elsewhere, nothing when silent.
 *
 * The rule: it writes to stderr only, so that stdout stays clean for results and pipes.
 */
import { rangeMistake } from '../core/errors.js';
import { formatDuration, formatNumber, printable, printableLines } from './output.js';
import { screenOf } from './screen.js';
import { displayWidth, pad, truncate, wrapWords } from './width.js';

/** `bar` redraws one line, `lines` prints at most one line per tenth, `silent` prints nothing. */
export type ProgressMode = 'bar' | 'lines' | 'silent';

/** process.stderr, or a stand-in. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressOptions {
  /** What is being done: "training". */
  readonly label: string;
  /** Units of work in all, above 0. null where unknown: then only the work done is counted. */
  readonly total: number | null;
  /** Names the units in the rate: "rows" gives "812 rows/s". Default: no rate. */
  readonly unit?: string;
  /** Default: chosen by `progressMode`. */
  readonly mode?: ProgressMode;
  readonly stream?: ProgressStream;
  /** Clock in milliseconds from any start; replaced in tests. */
  readonly now?: () => number;
}

/** A bar on a terminal that can redraw, lines elsewhere, silent when the caller prints JSON or was told so. */
export function progressMode(
  stream: ProgressStream,
  options: { readonly quiet?: boolean; readonly json?: boolean } = {},
): ProgressMode {
  if (options.quiet || options.json) return 'silent';
  return stream.isTTY && process.env.TERM !== 'dumb' ? 'bar' : 'lines';
}

const REDRAW_MS = 100;
/** Time constant with which the estimate forgets the past, to follow a change of pace. */
const SMOOTHING_MS = 15_000;
/** Units after which the first line is printed where the total is unknown. */
const FIRST_COUNT = 1000;
const BAR_WIDTH = { least: 8, most: 30 };
const EIGHTHS = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Units per millisecond, averaged with weights that fade exponentially with age. */
class SmoothedRate {
  private weightedWork = 0;
  private weightedTime = 0;

  add(work: number, elapsedMs: number): void {
    const keep = Math.exp(-elapsedMs / SMOOTHING_MS);
    this.weightedWork = this.weightedWork * keep + work;
    this.weightedTime = this.weightedTime * keep + elapsedMs;
  }

  get value(): number {
    return this.weightedTime > 0 ? this.weightedWork / this.weightedTime : 0;
  }
}

export class Progress {
  private readonly label: string;
  private readonly stream: ProgressStream;
  private readonly mode: ProgressMode;
  private readonly now: () => number;
  private readonly startedAt: number;
  private readonly rate = new SmoothedRate();
  private done = 0;
  private note = '';
  private sampledAt: number;
  private sampledDone = 0;
  private drawnAt = Number.NEGATIVE_INFINITY;
  private printedTenth = 0;
  private nextCount = FIRST_COUNT;
  private isDrawn = false;
  private isFinished = false;

  /** RangeError unless `total` is above 0. */
  constructor(private readonly options: ProgressOptions) {
    if (options.total !== null && !(options.total > 0))
      throw rangeMistake('total', 'above 0', options.total);
    // A label may be the name of a file.
    this.label = printable(options.label);
    this.stream = options.stream ?? process.stderr;
    this.mode = options.mode ?? progressMode(this.stream);
    this.now = options.now ?? (() => performance.now());
    this.startedAt = this.now();
    this.sampledAt = this.startedAt;
    if (this.mode === 'bar') this.draw();
  }

  /** Sets how much was done before this run: it does not count towards the rate. */
  begin(done: number): void {
    if (done <= this.done) return;
    this.sampledDone = Math.min(done, this.options.total ?? Number.POSITIVE_INFINITY);
    this.sampledAt = this.now();
    this.update(done);
  }

  /** Sets how much is done (never less than before) and a short note, such as the loss. */
  update(done: number, note?: string): void {
    if (this.isFinished) return;
    const now = this.now();
    const next = Math.min(
      Math.max(done, this.done),
      this.options.total ?? Number.POSITIVE_INFINITY,
    );
    // Steps that come faster than the clock ticks are counted together with the next one.
    if (next > this.sampledDone && now > this.sampledAt) {
      this.rate.add(next - this.sampledDone, now - this.sampledAt);
      this.sampledAt = now;
      this.sampledDone = next;
    }
    this.done = next;
    if (note !== undefined) this.note = printable(note);
    this.show(now);
  }

  /** Prints a line of its own, above the bar where there is one. */
  log(text: string): void {
    if (this.mode === 'silent') return;
    this.end(printableLines(text));
    if (this.mode === 'bar' && !this.isFinished) this.draw();
  }

  /** Ends the bar with a line that says how long it took. Later calls do nothing. */
  finish(note?: string): void {
    if (this.isFinished) return;
    this.isFinished = true;
    if (note !== undefined) this.note = printable(note);
    const took = formatDuration(this.now() - this.startedAt);
    const parts = [`${this.label}: done in ${took}`, this.note];
    this.end(parts.filter((part) => part !== '').join(', '));
  }

  /** Clears the bar without a closing line: for a job that failed. */
  stop(): void {
    if (this.isFinished) return;
    this.isFinished = true;
    if (this.mode === 'bar' && this.isDrawn) this.stream.write('\r\u001b[K');
  }

  /** Writes a whole line, in place of the bar where there is one. */
  private end(line: string): void {
    const { columns, cuts } = screenOf(this.stream);
    if (this.mode === 'bar') this.stream.write(`\r\u001b[K${fitted(line, columns)}\n`);
    else if (this.mode === 'lines') this.stream.write(`${cuts ? fitted(line, columns) : line}\n`);
  }

  private show(now: number): void {
    if (this.mode === 'bar') {
      if (now - this.drawnAt >= REDRAW_MS) this.draw();
      return;
    }
    if (this.mode !== 'lines') return;
    if (this.options.total === null) {
      this.showCount();
      return;
    }
    const tenth = Math.floor((this.done / this.options.total) * 10);
    if (tenth <= this.printedTenth || tenth >= 10) return;
    this.printedTenth = tenth;
    const details = this.details();
    this.end(`${this.label}: ${tenth * 10} %${details && `, ${details}`}`);
  }

  /** Without a total: prints a line whenever the count has doubled, so that lines stay few. */
  private showCount(): void {
    if (this.done < this.nextCount) return;
    while (this.nextCount <= this.done) this.nextCount *= 2;
    this.end(`${this.label}: ${this.counted()}`);
  }

  /** The amount done, where the total is unknown. */
  private counted(): string {
    const { unit = '' } = this.options;
    return [`${formatNumber(this.done)} ${unit}`.trimEnd(), this.details()]
      .filter((part) => part !== '')
      .join(', ');
  }

  /** Rate, time left and note, those that are known. */
  private details(): string {
    const { unit, total } = this.options;
    const rate = this.rate.value;
    const perSecond = rate * 1000;
    const left = rate > 0 && total !== null ? `${formatLeft((total - this.done) / rate)} left` : '';
    const speed =
      unit && rate > 0 ? `${formatNumber(perSecond, perSecond < 10 ? 1 : 0)} ${unit}/s` : '';
    return [left, speed, this.note].filter((part) => part !== '').join(', ');
  }

  private draw(): void {
    this.drawnAt = this.now();
    this.isDrawn = true;
    // The last column stays free: some terminals wrap when it is written.
    const width = Math.max(1, screenOf(this.stream).columns - 1);
    if (this.options.total === null) {
      this.stream.write(`\r${truncate(`${this.label}: ${this.counted()}`, width)}\u001b[K`);
      return;
    }
    const share = this.done / this.options.total;
    const percent = pad(`${Math.floor(share * 100)} %`, 5, 'right');
    const details = this.details();
    const fixed = displayWidth(this.label) + percent.length + displayWidth(details) + 6;
    const room = Math.min(BAR_WIDTH.most, width - fixed);
    const bar = room >= BAR_WIDTH.least ? ` ${drawBar(share, room)}` : '';
    const line = `${this.label}${bar} ${percent}  ${details}`.trimEnd();
    this.stream.write(`\r${truncate(line, width)}\u001b[K`);
  }
}

/** The text in lines of at most `columns`; further lines stand two columns to the right of the first. */
function fitted(text: string, columns: number): string {
  const indent = /^ */.exec(text)?.[0] ?? '';
  const lines = wrapWords(text.slice(indent.length), columns - indent.length - 2, false);
  return indent + lines.join(`\n${indent}  `);
}

/** Estimates are rounded to seconds: "1 s", "42 s", then as every duration. */
function formatLeft(ms: number): string {
  return ms < 59_500 ? `${Math.max(1, Math.round(ms / 1000))} s` : formatDuration(ms);
}

/** A bar of `width` columns, filled in steps of an eighth of a column. */
function drawBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = '█'.repeat(eighths >> 3);
  const part = eighths & 7 ? (EIGHTHS[eighths & 7] ?? '') : '';
  return `│${pad(full + part, width)}│`;
}
