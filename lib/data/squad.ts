/**
 * Reads articles of SQuAD's own files (versions 1 and 2) as records with a question, a context and answers each.
 *
 * The rule: entries of `plausible_answers` are no answers; a question that is `is_impossible` has no answer.
 */
import type { RawRecord } from './types.js';

const NAMES = ['id', 'title', 'question', 'context', 'answers'];

type Values = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a record is an article with paragraphs of questions. */
export function isArticle(record: RawRecord): boolean {
  const paragraphs = record.get('paragraphs');
  return Array.isArray(paragraphs) && paragraphs.every((one) => isObject(one) && 'qas' in one);
}

/** The questions of an article. Missing or wrong fields are left to the reader of the records to find. */
export function* questionsOf(article: RawRecord): Generator<RawRecord> {
  const title = article.get('title');
  for (const paragraph of article.get('paragraphs') as readonly Values[]) {
    const { context, qas } = paragraph;
    // A value that is no list becomes one question without fields, so that its row is refused.
    const questions: readonly unknown[] = Array.isArray(qas) ? qas : [null];
    for (const one of questions) {
      const { id, question, answers, is_impossible } = isObject(one) ? one : {};
      const values: Values = {
        ...{ id, title, question, context },
        answers: is_impossible === true ? [] : answers,
      };
      yield {
        line: article.line,
        names: NAMES,
        get: (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
        source: () => undefined,
      };
    }
  }
}
