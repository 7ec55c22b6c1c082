/**
 * What every command gets: where to print, and the signal of Ctrl+C.
 *
 * The rule: results go to stdout, everything about the work (progress, notes) to stderr; with --json stdout holds one
 * JSON document and nothing else.
 */
import {
  type ChosenColumns,
  type DataSource,
  describeVariants,
  type LabelVariants,
} from '../data/index.js';
import { printable, printableLines, type TextSink, writeJson } from './output.js';
import { Progress, type ProgressMode, type ProgressStream, progressMode } from './progress.js';

/** The surroundings of the program: main.ts passes the process, tests pass collectors. */
export interface Surroundings {
  readonly stdout: TextSink;
  readonly stderr: ProgressStream;
  readonly signal: AbortSignal;
  /** The arguments after the program's name. */
  readonly args: readonly string[];
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The output of one command on both streams, as its --json and --quiet say. */
export class Console {
  readonly signal: AbortSignal;
  readonly isJson: boolean;
  private readonly mode: ProgressMode;
  private readonly stdout: TextSink;
  private readonly stderr: ProgressStream;
  private readonly isQuiet: boolean;
  private readonly noted = new Set<string>();

  constructor(surroundings: Surroundings, options: CommonOptions) {
    const { stdout, stderr, signal } = surroundings;
    this.stdout = stdout;
    this.stderr = stderr;
    this.signal = signal;
    this.isJson = options.json === true;
    this.isQuiet = options.quiet === true;
    this.mode = progressMode(stderr, options);
  }

  /** Prints text of the result for people; dropped with --json. Control characters but line feeds are made visible. */
  print(text: string): void {
    if (!this.isJson) this.stdout.write(printableLines(text));
  }

  /** Prints the result for programs; dropped without --json. */
  json(value: unknown): void {
    if (this.isJson) writeJson(this.stdout, value);
  }

  /** Prints one line about the work on stderr: a guess, a warning. Dropped with --quiet. */
  note(line: string): void {
    if (!this.isQuiet) this.stderr.write(`${printable(line)}\n`);
  }

  /** Notes which columns of a file are read, where they were guessed. */
  noteColumns({ file, text, pair, label }: ChosenColumns): void {
    const chosen = Object.entries({ text, pair, label }).filter(
      ([, column]) => column !== undefined,
    );
    const isGuessed = chosen.some(([, column]) => column?.guessed === true);
    if (!isGuessed || this.noted.has(file)) return;
    this.noted.add(file);
    const roles = chosen.map(([role, column]) => `${role} "${column?.name}"`);
    this.note(`${file}: reading ${roles.join(', ')}`);
  }

  /** Notes the encoding and the delimiter of a file, where they were guessed. */
  noteSource({
    file,
    encoding,
    delimiter,
  }: Pick<DataSource, 'file' | 'encoding' | 'delimiter'>): void {
    if (encoding?.found === 'guessed' && !this.noted.has(`encoding ${file}`)) {
      this.noted.add(`encoding ${file}`);
      this.note(`${file}: read as ${encoding.name} (${encoding.why}); another one: --encoding`);
    }
    if (delimiter?.found === 'guessed' && !this.noted.has(`delimiter ${file}`)) {
      this.noted.add(`delimiter ${file}`);
      const character = JSON.stringify(delimiter.character);
      this.note(`${file}: columns are separated by ${character}; another character: --delimiter`);
    }
  }

  /** Notes labels of a file that a person may take for one. */
  noteVariants(variants: LabelVariants): void {
    this.note(describeVariants(variants));
  }

  /** Starts the progress of a job; `total` is null where it is unknown. `unit` names what the rate counts. */
  progress(label: string, total: number | null, unit?: string): Progress {
    return new Progress({
      label,
      total: total === null ? null : Math.max(1, total),
      mode: this.mode,
      stream: this.stderr,
      ...(unit !== undefined && { unit }),
    });
  }
}
