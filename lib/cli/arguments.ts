/**
 * Parses option values, and defines the groups of options that several commands share.
 *
 * The rule: a value is checked when it is read, so that a mistake is reported before any work has begun.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type ColumnRef,
  DATA_FORMATS,
  type DataFormat,
  encodingName,
  type ReadOptions,
  type SpreadsheetOptions,
} from '../data/index.js';
import { POOL_KINDS, type PoolKind } from '../graph/types.js';

/** A mistake in how a command was called that commander can't detect; `message` is a sentence without its full stop. */
export function usageMistake(message: string): Error {
  return new InvalidArgumentError(message);
}

/** A parser of whole numbers from `least` on. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}

/** A parser of finite numbers that `accept` takes; `what` describes them. */
export function realNumber(
  what: string,
  accept: (value: number) => boolean,
): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || !accept(value)) {
      throw new InvalidArgumentError(`It must be ${what}.`);
    }
    return value;
  };
}

export const positiveNumber = realNumber('a positive number', (value) => value > 0);
export const numberFromZero = realNumber('a number from 0', (value) => value >= 0);

/** A column by name or number. Digits are a number only where the file has no header, so the text is kept until then. */
export interface DataOptions {
  readonly textColumn?: string;
  readonly pairColumn?: string;
  readonly labelColumn?: string;
  readonly dataFormat?: DataFormat;
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly labelNames?: readonly string[];
  readonly onBadRows?: 'fail' | 'skip' | 'report';
  /** commander: false for --no-header. */
  readonly header?: boolean;
}

/** --json and --quiet. */
export function withCommon(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout instead of text')
    .option('-q, --quiet', 'no progress and no notes on stderr');
}

export function withThreads(command: Command): Command {
  return command.option(
    '--threads <n>',
    'threads to compute on (default: as many CPUs as the process may use)',
    wholeNumber(1),
  );
}

/** How a model is loaded, beside its name. */
export interface ModelOptions {
  readonly firstPosition?: number;
  readonly widen?: boolean;
  readonly pooling?: PoolKind;
}

/** For commands that load a model of any kind, which may be an ONNX file. */
export function withModel(command: Command): Command {
  return withFirstPosition(command).option(
    '--widen',
    'ONNX with quantized weights: read them as f32, for a training or another precision',
  );
}

/** For commands that load encoders. */
export function withPooling(command: Command): Command {
  return command.addOption(
    new Option(
      '--pooling <kind>',
      'encoders: how token vectors become one, in place of what the files say; needed where they say nothing',
    ).choices(POOL_KINDS),
  );
}

/** For commands that only look at an ONNX file. */
export function withFirstPosition(command: Command): Command {
  return command.option(
    '--first-position <n>',
    'ONNX with an input of positions: the first one (default: as the family in config.json counts)',
    wholeNumber(0),
  );
}

/** For commands that work through a file for hours. */
export function withResume(command: Command): Command {
  return command.option(
    '--resume',
    'keep what is done beside --out, and go on from there when the same command runs again',
  );
}

/** For commands that write texts of the input as CSV. */
export function withSpreadsheet(command: Command): Command {
  return command
    .option(
      '--escape-formulas',
      "CSV and TSV: put ' before texts that a spreadsheet would run (= + - @)",
    )
    .option('--bom', 'CSV and TSV: begin with a byte order mark, so that Excel reads UTF-8');
}

/** The options of `withSpreadsheet`; a mistake where the result is no `what`. */
export function spreadsheetOf(
  { escapeFormulas = false, bom = false }: SpreadsheetOptions,
  isOne: boolean,
  what: string,
): SpreadsheetOptions {
  const flag = escapeFormulas ? '--escape-formulas' : '--bom';
  if ((escapeFormulas || bom) && !isOne) throw usageMistake(`${flag} is for ${what}`);
  return { escapeFormulas, bom };
}

/** Which columns of a data file are read; `roles` are those the command uses. */
export function withData(command: Command, roles: readonly ('pair' | 'label')[]): Command {
  command.option('--text-column <name>', 'column of the text (default: text, sentence, query ...)');
  if (roles.includes('pair')) {
    command.option('--pair-column <name>', 'column of the second text, for pairs');
  }
  if (roles.includes('label')) {
    command
      .option('--label-column <name>', 'column of the label (default: label, category ...)')
      .option(
        '--label-names <list>',
        'names of labels that are numbers from 0: a,b,c',
        listOfNames,
      );
  }
  return command
    .addOption(
      new Option(
        '--data-format <kind>',
        'format of the data files (default: by the ending)',
      ).choices(DATA_FORMATS),
    )
    .option('--encoding <name>', 'of the data files: utf-8, gb18030 ... (default: found)', encoding)
    .option('--delimiter <char>', 'character between CSV columns (default: found)')
    .option('--no-header', 'CSV without a line of names; columns are numbers from 1');
}

/** For commands that may leave bad rows out. */
export function withBadRows(command: Command): Command {
  return command.addOption(
    new Option(
      '--on-bad-rows <how>',
      'rows that cannot be used: end with all of them listed, leave them out, or only list them',
    )
      .choices(['fail', 'skip', 'report'])
      .default('fail'),
  );
}

function encoding(text: string): string {
  const name = encodingName(text);
  if (name !== null) return name;
  throw new InvalidArgumentError(
    'It must be utf-8, utf-16le, gb18030, shift_jis, big5, windows-1252 or another name of the Encoding standard.',
  );
}

function listOfNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '') && new Set(names).size === names.length) return names;
  throw new InvalidArgumentError('It must be different names with commas between them.');
}

/** The options of a command that reads rows and may go on where some are bad. */
export function withRows(command: Command, roles: readonly ('pair' | 'label')[]): Command {
  return withBadRows(withData(command, roles));
}

/** The last options of a command that runs a model: how it is read, on how many threads, and those of all commands. */
export function withEngine(command: Command): Command {
  return withCommon(withThreads(withPooling(withModel(command))));
}

/** The options in the form of lib/data. */
export function readOptionsOf(options: DataOptions): ReadOptions {
  const named = options.header !== false || !['csv', 'tsv'].includes(options.dataFormat ?? 'csv');
  const column = (text: string): ColumnRef => {
    if (named) return text;
    if (!/^\d+$/.test(text)) {
      throw usageMistake(`without a header a column is a number, not "${text}"`);
    }
    return Number(text);
  };
  return {
    ...(options.dataFormat !== undefined && { format: options.dataFormat }),
    ...(options.delimiter !== undefined && {
      delimiter: options.delimiter === '\\t' ? '\t' : options.delimiter,
    }),
    ...(options.encoding !== undefined && { encoding: options.encoding }),
    ...(options.labelNames !== undefined && { labelNames: options.labelNames }),
    ...(options.onBadRows !== undefined && { onBadRows: options.onBadRows }),
    ...(options.header === false && { header: false }),
    ...(options.textColumn !== undefined && { textColumn: column(options.textColumn) }),
    ...(options.pairColumn !== undefined && { pairColumn: column(options.pairColumn) }),
    ...(options.labelColumn !== undefined && { labelColumn: column(options.labelColumn) }),
  };
}

/** Copies the options that were given: `undefined` counts as left out. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
