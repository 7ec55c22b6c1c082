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
import { type TextSink, writeJson } from './output.js';
import { type Fact, type FactLayout, Page, type SentenceOptions } from './page.js';
import { Progress, type ProgressMode, type ProgressStream, progressMode } from './progress.js';
import type { Style } from './screen.js';
import type { Table } from './table.js';

/** The surroundings of the program: main.ts passes the process, tests pass collectors. */
export interface Surroundings {
  readonly stdout: TextSink;
  readonly stderr: ProgressStream;
  readonly signal: AbortSignal;
  /** Calls `listener` for SIGHUP from now on, which then ends nothing. */
  readonly onHangUp?: (listener: () => void) => void;
  /** The arguments after the program's name. */
  readonly args: readonly string[];
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const NOWHERE: TextSink = { write: () => true };

/** The output of one command on both streams, as its --json and --quiet say. */
export class Console {
  readonly signal: AbortSignal;
  readonly isJson: boolean;
  private readonly mode: ProgressMode;
  private readonly stdout: TextSink;
  private readonly stderr: ProgressStream;
  private readonly isQuiet: boolean;
  private readonly noted = new Set<string>();
  /** What people read on stdout; dropped with --json. */
  readonly page: Page;
  private readonly notes: Page;

  constructor(surroundings: Surroundings, options: CommonOptions) {
    const { stdout, stderr, signal } = surroundings;
    this.stdout = stdout;
    this.stderr = stderr;
    this.signal = signal;
    this.isJson = options.json === true;
    this.isQuiet = options.quiet === true;
    this.mode = progressMode(stderr, options);
    this.page = new Page(this.isJson ? NOWHERE : stdout);
    this.notes = new Page(stderr);
  }

  /** Prints text of the result for people; dropped with --json. Control characters but line feeds are made visible. */
  print(text: string, style?: Style): void {
    this.page.print(text, style);
  }

  /** Prints a sentence of the result, wrapped on a terminal only. */
  say(sentence: string, options: SentenceOptions = {}): void {
    this.page.sentence(sentence, options);
  }

  /** Prints facts of the result, a name and a value each. */
  facts(facts: readonly Fact[], layout: FactLayout = {}): void {
    this.page.facts(facts, layout);
  }

  /** Prints a table of the result. */
  table(table: Table, indent = 0): void {
    this.page.table(table, indent);
  }

  /** Prints the result for programs; dropped without --json. */
  json(value: unknown): void {
    if (this.isJson) writeJson(this.stdout, value);
  }

  /** Prints one line about the work on stderr, wrapped on a terminal only: a guess, a choice. Dropped with --quiet. */
  note(line: string, style?: Style): void {
    if (this.isQuiet) return;
    this.notes.sentence(line, { keepsWords: true, ...(style && { style }) });
  }

  /** A note about something that the user may want to change. */
  warn(line: string): void {
    this.note(line, 'warning');
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
    this.warn(describeVariants(variants));
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
