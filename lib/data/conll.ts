/**
 * CoNLL files: a word and its tag a line, a blank line between sentences. Each sentence is a record of words and tags.
 *
 * The rule: columns are separated by tabs where the first line has one, else by spaces; every line has as many as the first.
 * The word is the first column and the tag the last, unless the caller says otherwise.
 */
import { openText } from './decode.js';
import { readLines } from './lines.js';
import { dataProblem, RowProblem } from './problem.js';
import type { ColumnRef, Parsed, RawRecord, Records } from './types.js';

export interface ConllOptions {
  readonly encoding: string | undefined;
  /** Column numbers from 1. Default: the first is the word, the last the tag. */
  readonly textColumn: ColumnRef | undefined;
  readonly labelColumn: ColumnRef | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Column names of the records. */
export const CONLL_WORDS = 'words';
export const CONLL_TAGS = 'tags';

/** Most words of a sentence; a longer run without a blank line is refused. */
const MAX_WORDS = 100_000;

/** A file of words and tags. */
export async function openConll(file: string, options: ConllOptions): Promise<Records> {
  const { encoding, signal } = options;
  const open = await openText(file, { encoding, signal });
  return {
    source: { file, format: 'conll', encoding: open.encoding, delimiter: null },
    names: [CONLL_WORDS, CONLL_TAGS],
    classNames: () => undefined,
    read: () => readSentences(file, open.text, options),
    close: open.close,
  };
}

async function* readSentences(
  file: string,
  text: AsyncIterable<string>,
  options: ConllOptions,
): AsyncGenerator<Parsed> {
  const reader = new SentenceReader(file, options);
  for await (const one of readLines(file, text)) {
    const sentence = reader.line(one.line, one.text);
    if (sentence !== null) yield sentence;
  }
  const last = reader.end();
  if (last !== null) yield last;
  if (reader.isEmpty) throw dataProblem(file, 'the file is empty');
}

class SentenceReader {
  private words: string[] = [];
  private tags: string[] = [];
  private begin = 0;
  private problem: RowProblem | null = null;
  private columns: { readonly count: number; readonly word: number; readonly tag: number } | null =
    null;
  private separator: RegExp | string = '\t';

  constructor(
    private readonly file: string,
    private readonly options: ConllOptions,
  ) {}

  get isEmpty(): boolean {
    return this.columns === null;
  }

  /** The sentence that ends with this line; null while there is none. */
  line(line: number, text: string): Parsed | null {
    if (text.trim() === '' || text.startsWith('-DOCSTART-')) return this.end();
    this.columns ??= this.first(line, text);
    if (this.words.length === 0 && this.problem === null) this.begin = line;
    const cells = this.split(text);
    const { count, word, tag } = this.columns;
    if (cells.length !== count) {
      // "# id = 7" before a sentence is a comment; "#" with a tag is a word.
      if (text.startsWith('# ')) return null;
      const what = `${count} columns expected, got ${cells.length}`;
      this.wrong(new RowProblem(this.file, what, { line }, 'number of columns'));
      return null;
    }
    if (this.words.length === MAX_WORDS) {
      const what = `a sentence of more than ${MAX_WORDS} words; are there no blank lines?`;
      throw dataProblem(this.file, what, { line: this.begin });
    }
    this.words.push(cells[word] ?? '');
    this.tags.push(cells[tag] ?? '');
    return null;
  }

  end(): Parsed | null {
    const { words, tags, begin: line, problem, file } = this;
    this.words = [];
    this.tags = [];
    this.problem = null;
    if (problem !== null) return problem;
    if (words.length === 0) return null;
    const blank = words.findIndex((word) => word.trim() === '');
    if (blank >= 0) {
      const what = 'the word is missing';
      return new RowProblem(file, what, { line: line + blank, column: CONLL_WORDS });
    }
    return recordOf(line, words, tags);
  }

  /** Only the first problem of a sentence is reported. */
  private wrong(problem: RowProblem): void {
    this.problem ??= problem;
  }

  private first(line: number, text: string) {
    this.separator = text.includes('\t') ? '\t' : / +/;
    const count = this.split(text).length;
    const { textColumn, labelColumn } = this.options;
    const place = (role: string, column: ColumnRef | undefined, own: number): number => {
      if (column === undefined) return own;
      if (typeof column === 'number' && column <= count) return column - 1;
      const what = `no ${role} column ${JSON.stringify(column)}: the file has ${count} columns and no header`;
      throw dataProblem(this.file, what, { line, column });
    };
    if (count < 2) throw dataProblem(this.file, 'each line must be a word and its tag', { line });
    return {
      count,
      word: place('text', textColumn, 0),
      tag: place('label', labelColumn, count - 1),
    };
  }

  private split(text: string): string[] {
    return this.separator === '\t' ? text.split('\t') : text.trim().split(this.separator);
  }
}

function recordOf(line: number, words: readonly string[], tags: readonly string[]): RawRecord {
  return {
    line,
    names: [CONLL_WORDS, CONLL_TAGS],
    get: (name) => (name === CONLL_WORDS ? words : name === CONLL_TAGS ? tags : undefined),
    source: () => undefined,
  };
}
