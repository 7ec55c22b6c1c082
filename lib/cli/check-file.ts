/**
 * Gathers what `sinter check` tells about a data file: how it is read, what its rows hold, and what may be wrong with them.
 *
 * The rule: rows that cannot be used are counted, and the others are still examined.
 */
import {
  type Audit,
  Auditor,
  type AuditRow,
  type BadRows,
  type ChosenColumns,
  type DataSource,
  type LabelVariants,
  type ReadOptions,
  readColumns,
  readLabelListRows,
  readQuestionRows,
  readRows,
  readWordTagsRows,
} from '../data/index.js';
import { KINDS, type Kind, kindOf } from '../models/kinds.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { type DataOptions, readOptionsOf } from './arguments.js';
import type { Console } from './context.js';
import { modelPath } from './open-model.js';
import { inChunks } from './text-source.js';
import type { TokenCounter } from './token-lengths.js';

export interface CheckOptions extends DataOptions {
  readonly model?: string;
  readonly task?: Kind;
}

/** Token lengths of all texts for one model. */
export interface Lengths {
  readonly model: string;
  readonly maxTokens: number;
  readonly median: number;
  /** Length that 95 of 100 texts do not exceed. */
  readonly percentile95: number;
  readonly longest: number;
  /** Number of texts over the limit, which are cut or read in windows. */
  readonly over: number;
  /** Share of all tokens that stand for what the model's vocabulary lacks, from 0 to 1. */
  readonly unknown: number;
}

/** Figures of labels that are numbers. */
export interface Numbers {
  readonly count: number;
  readonly least: number;
  readonly most: number;
  readonly mean: number;
}

export interface CheckResult {
  readonly source: DataSource;
  readonly columns: readonly string[];
  readonly chosen: Omit<ChosenColumns, 'file'> | null;
  readonly task: Kind;
  readonly audit: Audit;
  readonly numbers: Numbers | null;
  readonly bad: BadRows | null;
  readonly variants: readonly LabelVariants[];
  readonly lengths: Lengths;
}

/** Texts tokenized at a time. */
const CHUNK_TEXTS = 1024;

type Row = AuditRow & { readonly input: TextInput; readonly number?: number };

/** Reads the file to its end. INVALID_DATA where no row can be read. */
export async function checkFile(
  file: string,
  options: CheckOptions,
  counter: TokenCounter,
  out: Console,
): Promise<CheckResult> {
  const { signal } = out;
  let chosen: Omit<ChosenColumns, 'file'> | null = null;
  let bad: BadRows | null = null;
  const variants: LabelVariants[] = [];
  const read: ReadOptions = {
    ...readOptionsOf(options),
    signal,
    onBadRows: 'skip',
    onColumns: ({ file: _, ...columns }) => {
      chosen = columns;
    },
    onBadRowsFound: (found) => {
      bad = found;
    },
    onLabelVariants: (group) => variants.push(group),
  };
  const { source, columns } = await readColumns(file, read);
  const task = options.task ?? (await taskOf(options, columns));
  const auditor = new Auditor();
  const counts: number[] = [];
  let unknown = 0;
  const numbers: number[] = [];
  for await (const rows of inChunks(rowsFor(task, file, read), CHUNK_TEXTS)) {
    for (const row of rows) {
      auditor.add(row);
      if (row.number !== undefined) numbers.push(row.number);
    }
    const texts = rows.map(({ input }) => input);
    const { lengths, unknown: more } = await counter.count(texts, signal);
    counts.push(...lengths);
    unknown += more;
  }
  return {
    ...{ source, columns, chosen, task, bad, variants },
    audit: auditor.result(),
    numbers: numbersOf(numbers),
    lengths: lengthsOf(counts, unknown, counter),
  };
}

/** The task of the model, else the one that the columns suggest. */
async function taskOf({ model }: CheckOptions, columns: readonly string[]): Promise<Kind> {
  const path = await modelPath(model);
  if (path !== undefined) {
    const { folderTask } = await import('../tasks/folder-task.js');
    const kind = kindOf(await folderTask(path));
    if (kind !== null) return kind;
  }
  const names = new Set(columns.map((name) => name.toLowerCase()));
  const has = (...wanted: readonly string[]) => wanted.some((name) => names.has(name));
  if (has('context') && has('answers')) return 'answers';
  if (has('words', 'tokens') && has('tags', 'ner_tags')) return 'tags';
  return has('labels') && !has('label') ? 'multi-label' : 'classification';
}

async function* rowsFor(task: Kind, file: string, read: ReadOptions): AsyncGenerator<Row> {
  const form = KINDS[task].rows;
  if (form === 'answers') {
    for await (const { question, context, answers, line } of readQuestionRows(file, read)) {
      const input = [question, context] as const;
      const labels = [answers.length === 0 ? 'without an answer' : 'with an answer'];
      yield { text: question, pair: context, labels, line, input };
    }
  } else if (form === 'tags') {
    for await (const { words, tags, line } of readWordTagsRows(file, read)) {
      const text = words.join(' ');
      yield { text, labels: tags, line, input: text };
    }
  } else if (form === 'labels') {
    for await (const { text, pair, labels, line } of readLabelListRows(file, read)) {
      yield { text, ...(pair !== undefined && { pair }), labels, line, input: inputOf(text, pair) };
    }
  } else {
    const labels = form === 'text' ? 'none' : form === 'label' ? 'classes' : 'numbers';
    for await (const row of readRows(file, { ...read, labels })) {
      const { text, pair, label, line } = row;
      yield {
        ...{ text, line, input: inputOf(text, pair) },
        ...(pair !== undefined && { pair }),
        labels: label === undefined || labels === 'numbers' ? [] : [label],
        ...(labels === 'numbers' && label !== undefined && { number: Number(label) }),
      };
    }
  }
}

function inputOf(text: string, pair: string | undefined): TextInput {
  return pair === undefined ? text : [text, pair];
}

function numbersOf(numbers: readonly number[]): Numbers | null {
  if (numbers.length === 0) return null;
  let [least, most, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const number of numbers) {
    least = Math.min(least, number);
    most = Math.max(most, number);
    sum += number;
  }
  return { count: numbers.length, least, most, mean: sum / numbers.length };
}

function lengthsOf(
  counts: readonly number[],
  unknown: number,
  { model, maxTokens }: TokenCounter,
): Lengths {
  const sorted = Int32Array.from(counts).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return {
    ...{ model, maxTokens },
    ...{ median: at(0.5), percentile95: at(0.95), longest: at(1) },
    over: counts.filter((count) => count > maxTokens).length,
    unknown:
      unknown /
      Math.max(
        1,
        sorted.reduce((sum, count) => sum + count, 0),
      ),
  };
}
