/**
 * Rows of questions about a context with their answers, read from Sinter's own rows, from SQuAD's files, or from the columns of
 * SQuAD in `datasets`.
 *
 * The rule: `start` is a place in UTF-16 units, `answer_start` one in code points, as Python counts; an answer must stand where
 * the row says.
 */
import { type ColumnChoice, columnProblem, guessColumn, type Maker, textIn } from './columns.js';
import { clip, dataProblem, listNames } from './problem.js';
import type { FileRow, RawRecord } from './types.js';

/** A question about a context, with its answers there, or none. */
export interface QuestionRow extends Pick<FileRow, 'file' | 'line'> {
  readonly question: string;
  readonly context: string;
  readonly answers: readonly { readonly text: string; readonly start: number }[];
}

type Values = Readonly<Record<string, unknown>>;

interface Given {
  readonly text: unknown;
  readonly start: unknown;
  readonly inCodePoints: boolean;
}

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Makes rows of questions. */
export class QuestionMaker implements Maker<QuestionRow> {
  readonly columns: readonly string[];
  private readonly file: string;

  constructor({ file }: ColumnChoice, { names, line }: RawRecord) {
    this.file = file;
    this.columns = ['question', 'context', 'answers'].map((wanted) => {
      const name = guessColumn([wanted], names);
      if (name !== undefined) return name;
      throw dataProblem(file, `no column "${wanted}": found ${listNames(names)}`, { line });
    });
  }

  row(record: RawRecord): QuestionRow {
    const { file } = this;
    const [question = '', context = '', answers = ''] = this.columns;
    const text = textIn(file, record, context);
    return {
      question: textIn(file, record, question),
      context: text,
      answers: this.given(record, answers).map((one, i) =>
        this.answer(record, `${answers}[${i}]`, one, text),
      ),
      file,
      line: record.line,
    };
  }

  variants(): never[] {
    return [];
  }

  private given(record: RawRecord, column: string): readonly Given[] {
    const value = record.get(column);
    if (Array.isArray(value)) return value.map(oneAnswer);
    // Answers as `datasets` stores them: a list of texts and a list of their places.
    const { text, answer_start, start = answer_start } = isObject(value) ? value : {};
    if (Array.isArray(text) && Array.isArray(start) && text.length === start.length) {
      return text.map((one, i) => ({
        text: one as unknown,
        start: start[i] as unknown,
        inCodePoints: start === answer_start,
      }));
    }
    const what = 'must be a list of {"text", "start"}, or {"text": [...], "answer_start": [...]}';
    throw columnProblem(this.file, record, column, value === undefined ? 'is missing' : what);
  }

  private answer(
    record: RawRecord,
    column: string,
    { text, start, inCodePoints }: Given,
    context: string,
  ): QuestionRow['answers'][number] {
    const problem = (what: string, kind?: string) =>
      columnProblem(this.file, record, column, what, kind);
    if (typeof text !== 'string' || text === '') throw problem('has no text', 'has no text');
    const place = typeof start === 'bigint' ? Number(start) : start;
    if (typeof place !== 'number' || !Number.isSafeInteger(place) || place < 0) {
      throw problem('does not say where it begins in the context');
    }
    const units = inCodePoints ? unitsOf(context, place) : place;
    if (context.startsWith(text, units)) return { text, start: units };
    const what = `${JSON.stringify(clip(text, 40))} does not stand at ${place} of the context`;
    throw problem(what, 'does not stand at its place in the context');
  }
}

function oneAnswer(value: unknown): Given {
  const { text, start, answer_start } = isObject(value) ? value : {};
  return { text, start: start ?? answer_start, inCodePoints: start === undefined };
}

/** The place in UTF-16 units of the code point with index `place`. */
function unitsOf(text: string, place: number): number {
  let units = 0;
  for (let i = 0; i < place && units < text.length; i++) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return units;
}
