/**
 * The rows to train on: all in memory, or read from their file in every pass (--streaming).
 *
 * The rule: of streamed rows only those that have a new label stay, so that memory follows from the labels alone.
 */
import type { Command } from 'commander';
import type { ReadOptions } from '../data/index.js';
import type { Rows } from '../train/collect-rows.js';
import { repeatedRows } from '../train/repeated-rows.js';
import { readStreamOptions, STREAM_OPTIONS, type StreamOptions } from '../train/stream-options.js';
import { usageMistake, wholeNumber } from './arguments.js';

export interface TrainRows<Row> {
  readonly rows: Rows<Row>;
  /** Number of rows. */
  readonly count: number;
  /** Rows with every label that there is; streamed ones with the first row of each. */
  readonly labelled: readonly Row[];
}

export function withStreaming(command: Command): Command {
  return command
    .option('--streaming', 'read the rows from the file while training, in bounded memory')
    .option(
      '--shuffle-buffer <n>',
      'with --streaming: rows that the next one is drawn from (default: 10000)',
      wholeNumber(1),
    );
}

export function inMemory<Row>(rows: readonly Row[]): TrainRows<Row> {
  return { rows, count: rows.length, labelled: rows };
}

/**
 * Reads all rows once, as `read` says, to count them and to find their labels; each pass of the training then opens them again,
 * without a word. `labelsOf`: the labels of a row.
 */
export async function streamedRows<Row>(
  open: (read: ReadOptions) => AsyncIterable<Row>,
  read: ReadOptions,
  labelsOf: (row: Row) => readonly unknown[],
): Promise<TrainRows<Row>> {
  const seen = new Set<unknown>();
  const labelled: Row[] = [];
  let count = 0;
  for await (const row of open(read)) {
    count++;
    const labels = labelsOf(row);
    if (labels.every((label) => seen.has(label))) continue;
    for (const label of labels) seen.add(label);
    labelled.push(row);
  }
  const { onSource, onColumns, onLabelVariants, onBadRowsFound, ...again } = read;
  return { rows: repeatedRows(() => open(again)), count, labelled };
}

/** Throws for flags of --streaming without it, and for those that need all rows at once. */
export function checkStreaming(
  options: StreamOptions & {
    readonly holdOut?: number;
    readonly labelIssues?: number;
  },
): void {
  const { streaming, shuffleBuffer, holdOut, labelIssues } = options;
  if (streaming !== true) {
    if (shuffleBuffer !== undefined) throw usageMistake('--shuffle-buffer needs --streaming');
    return;
  }
  if (holdOut !== undefined) {
    throw usageMistake(
      '--hold-out needs all rows at once, which --streaming never has: give held-out rows with --eval',
    );
  }
  if (labelIssues !== undefined)
    throw usageMistake('--label-issues needs all rows at once, which --streaming never has');
  const known = Object.fromEntries(Object.keys(options).map((name) => [name, true]));
  readStreamOptions('train', options, { ...known, ...STREAM_OPTIONS } as never);
}
