/**
 * Classifiers of tokens under compression, judged by F1 over whole entities.
 *
 * Students learn from logits and hidden states of the original over all tokens, and from tags. Words without tags get those of the
 * original, which are also the truth where rows to compare by have none.
 */

import { entitiesOf } from '../../metrics/index.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { type TaggedRow, taggedRows } from '../../tasks/token-classification/tagged-rows.js';
import { modelOver } from '../adapted-model.js';
import { insideOf } from '../text-model.js';
import type { TokenClassifier } from '../token-classifier.js';
import { countedF1, type RowCounts } from './counted-f1.js';
import { partsLoader, taughtOptions, trained } from './recover.js';
import { cancellable, once, type RowCheck } from './rows.js';
import type { Subject, SubjectLoader, SubjectRows } from './subject.js';

/** A row of `evaluate`, or its words alone. */
type Row = Pick<TaggedRow, 'words'> & Partial<TaggedRow>;

/** Rows are those of `evaluate`, or words without tags. */
export function tokenRows(model: TokenClassifier): RowCheck {
  const { graph, tokenizer } = insideOf(model).parts;
  const { maxTokens, labels } = model;
  const reader = taggedRows(labels, { tokenizer, graph, maxTokens, nameOf: String });
  return (at, row) => {
    const { words, tags } = (row ?? {}) as Partial<Row>;
    const isTagged = tags !== undefined || !Array.isArray(words);
    reader.parse(at, isTagged ? row : { words, tags: words.map(() => labels[0]) });
    return isTagged;
  };
}

/** Texts without labels are split into words at white space. */
export function tokenSubject(
  model: TokenClassifier,
  { train, choice, test, unlabelled }: SubjectRows<Row>,
  load: SubjectLoader<TokenClassifier>,
): Subject {
  const over = (parts: ModelParts) => modelOver(model, parts);
  const known = { choice, test };
  const added = unlabelled.map(wordsOf).filter(({ words }) => words.length > 0);
  const truthOf = (rows: readonly Row[]) => once((signal) => truthOfRows(model, rows, signal));
  const truth = { choice: truthOf(choice), test: truthOf(test) };
  const lessons = once(async (signal) => {
    const untold = [...train, ...added].filter(({ tags }) => tags === undefined);
    const answers = await answered(model, untold, signal);
    return [...train.filter((row): row is TaggedRow => row.tags !== undefined), ...answers];
  });
  const metric = (rows: readonly Row[]) =>
    rows[0]?.tags === undefined ? 'entity F1 with the original' : 'entity F1';
  return {
    task: 'tags',
    metric: metric(test),
    output: 'logits',
    rowLoss: { kind: 'drawn', loss: 'cross_entropy', seed: 1 },
    inputs: [...train, ...added].map(({ words }) => words.join(' ')),
    isUnlabelled: train[0]?.tags === undefined,
    counts: {
      train: train.length,
      choice: choice.length,
      test: test.length,
      unlabelled: added.length,
    },
    measure: async (parts, part, signal) => {
      const rows = known[part];
      const found = await tagsOf(over(parts), rows, signal);
      const wanted = await truth[part](signal);
      const counts = found.map((tags, i) => countsOf(wanted[i] ?? [], tags));
      const isRight = ([hits, all, both]: RowCounts) => hits === all && hits === both;
      return {
        metric: metric(rows),
        rows: rows.length,
        higherIsBetter: true,
        scoreOf: countedF1(counts),
        right: Uint8Array.from(counts, (row) => (isRight(row) ? 1 : 0)),
      };
    },
    recover: (parts, recovery) =>
      trained(over(parts), recovery.signal, async (student) => {
        const options = taughtOptions(recovery, over(recovery.teacher));
        await student.train(await lessons(recovery.signal), options);
      }),
    load: partsLoader(load),
  };
}

function wordsOf(text: string | readonly [string, string]): Row {
  const all = typeof text === 'string' ? text : text.join(' ');
  return { words: all.split(/\s+/).filter((word) => word !== '') };
}

/** Entities that were found and are right, that were found, and that there are. */
function countsOf(truth: readonly string[], found: readonly string[]): RowCounts {
  const spans = (tags: readonly string[]) =>
    entitiesOf(tags).map(({ type, first, last }) => `${first} ${last} ${type}`);
  const wanted = new Set(spans(truth));
  const own = spans(found);
  return [own.filter((span) => wanted.has(span)).length, own.length, wanted.size];
}

/** The tags that a model gives to the words of rows; words without a token have none. */
async function tagsOf(
  model: TokenClassifier,
  rows: readonly Row[],
  signal: AbortSignal | undefined,
): Promise<readonly (readonly string[])[]> {
  if (rows.length === 0) return [];
  const [tag = ''] = model.labels;
  const plain = rows.map(({ words }) => ({ words, tags: words.map(() => tag) }));
  return (await model.evaluate(plain, cancellable(signal))).predicted;
}

/** The tags of the words that have tokens: those of the rows, else those that the original gives. */
async function truthOfRows(
  model: TokenClassifier,
  rows: readonly Row[],
  signal: AbortSignal | undefined,
): Promise<readonly (readonly string[])[]> {
  const found = await tagsOf(model, rows, signal);
  const own = async ({ words, tags }: Row, predicted: readonly string[]) => {
    if (tags === undefined || tags.length === predicted.length) return tags ?? predicted;
    const has = await haveTokens(model, words);
    return tags.filter((_, i) => has[i]);
  };
  return Promise.all(rows.map((row, i) => own(row, found[i] ?? [])));
}

/** The rows with the tags that the original gives; a word without a token has the first one, which is not read. */
async function answered(
  model: TokenClassifier,
  rows: readonly Row[],
  signal: AbortSignal | undefined,
): Promise<readonly TaggedRow[]> {
  const found = await tagsOf(model, rows, signal);
  const own = async ({ words }: Row, predicted: readonly string[]) => {
    if (words.length === predicted.length) return { words, tags: predicted };
    const has = await haveTokens(model, words);
    let next = 0;
    const tags = words.map((_, i) => (has[i] ? predicted[next++] : undefined));
    return { words, tags: tags.map((tag) => tag ?? model.labels[0] ?? '') };
  };
  return Promise.all(rows.map((row, i) => own(row, found[i] ?? [])));
}

/** Which of the words have a token of their own: single characters that a tokenizer drops have none. */
async function haveTokens(model: TokenClassifier, words: readonly string[]): Promise<boolean[]> {
  const special = (await model.tokenize('')).ids.length;
  return Promise.all(words.map(async (word) => (await model.tokenize(word)).ids.length > special));
}
