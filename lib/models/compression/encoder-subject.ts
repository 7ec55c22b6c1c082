/**
 * Encoders under compression.
 *
 * Students learn the original's vectors and hidden states on texts without labels. The shape of the rows decides the score, as in
 * `evaluate`; rows that are texts alone are scored by how well the student's similarities follow the original's.
 */

import { meanOutcome, type Outcome } from '../../compress/outcome.js';
import { typeMistake } from '../../core/errors.js';
import type { Matrix } from '../../core/matrix.js';
import { COMPARISONS } from '../../metrics/comparisons.js';
import { ndcg } from '../../metrics/index.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { type ExampleRow, parseEmbeddingRow } from '../../tasks/embedding/embedding-rows.js';
import { nearestTo } from '../../tasks/embedding/search.js';
import { modelOver } from '../adapted-model.js';
import type { Encoder } from '../encoder.js';
import { correlation } from './correlation.js';
import { partsLoader, recoveryOptions, trained } from './recover.js';
import type { RowCheck } from './rows.js';
import type { MeasuredPart, Subject, SubjectLoader, SubjectRows } from './subject.js';

/** A row: its texts, and the number or the class that it has. */
type Example = Pick<ExampleRow, 'texts' | 'numbers' | 'group'>;

/** How many documents of a search are scored. */
const K = 10;

/** Rows are those of `evaluate`, or texts alone: strings, or objects with a text. */
export function encoderSubject(
  model: Encoder,
  rows: SubjectRows<unknown>,
  load: SubjectLoader<Encoder>,
): Subject {
  const parsed = {
    train: examplesOf(rows.train),
    choice: examplesOf(rows.choice),
    test: examplesOf(rows.test),
  };
  const form = formOf(parsed.test.examples);
  const texts = [...new Set([...parsed.train.examples.flatMap(({ texts: own }) => own)])];
  const inputs = [...texts, ...rows.unlabelled];
  const over = (parts: ModelParts) => modelOver(model, parts);
  const asked = new Map<MeasuredPart, Promise<Question>>();
  const questionOf = (part: MeasuredPart, signal: AbortSignal | undefined) => {
    const known = asked.get(part) ?? form.ask(parsed[part].examples, model, signal);
    asked.set(part, known);
    return known;
  };
  return {
    task: 'embedding',
    metric: form.metric,
    output: 'embedding',
    rowLoss: { kind: 'projections', count: 4, seed: 1 },
    inputs,
    isUnlabelled: form === FORMS.texts,
    counts: {
      train: rows.train.length,
      choice: rows.choice.length,
      test: rows.test.length,
      unlabelled: rows.unlabelled.length,
    },
    measure: async (parts, part, signal) => {
      const { examples } = parsed[part];
      const flat = examples.flatMap(({ texts: own }) => own);
      const vectors = await over(parts).embed(flat, { ...(signal && { signal }) });
      const question = await questionOf(part, signal);
      return form.outcome(examples, vectors, question, model);
    },
    recover: (parts, recovery) =>
      trained(over(parts), recovery.signal, async (student) => {
        const { hiddenStates } = recovery;
        const teacher = over(recovery.teacher);
        await student.train(inputs as readonly string[], {
          ...recoveryOptions(recovery),
          distillation: {
            teacher,
            embeddings: true,
            ...(hiddenStates.length > 0 && { hiddenStates }),
          },
        });
      }),
    load: partsLoader(load),
  };
}

/** Rows of one form. */
export function encoderRows(): RowCheck {
  let first: Form | undefined;
  return (at, row) => {
    const form = formOf([exampleOf(at, row)]);
    first ??= form;
    if (form === first) return true;
    const what = (one: Form) => `a row that is judged by ${one.metric}`;
    throw new TypeError(`${at} must be ${what(first)}, as the first one is, got ${what(form)}`);
  };
}

function examplesOf(rows: readonly unknown[]): { examples: readonly Example[] } {
  return { examples: rows.map((row, i) => exampleOf(`compress: rows[${i}]`, row)) };
}

function exampleOf(at: string, row: unknown): Example {
  const isText =
    typeof row === 'string' ||
    (typeof row === 'object' &&
      row !== null &&
      Object.keys(row).every((key) => TEXT_KEYS.has(key)));
  if (!isText) return parseEmbeddingRow(at, row);
  const text = typeof row === 'string' ? row : (row as { text?: unknown }).text;
  if (typeof text !== 'string') throw typeMistake(`${at}.text`, 'a string', text);
  return { texts: [text], numbers: [], group: null };
}

const TEXT_KEYS = new Set(['text', 'file', 'line']);

/** What the original says of the rows, where that is the truth: pairs of rows with their similarity. */
interface Question {
  readonly pairs: readonly (readonly [row: number, other: number])[];
  readonly similarities: readonly number[];
}

const NOTHING: Question = { pairs: [], similarities: [] };

interface Form {
  readonly metric: string;
  ask(examples: readonly Example[], model: Encoder, signal?: AbortSignal): Promise<Question>;
  outcome(
    examples: readonly Example[],
    vectors: Matrix,
    question: Question,
    model: Encoder,
  ): Promise<Outcome>;
}

const nothingAsked = async () => NOTHING;

const FORMS = {
  pairs: { metric: 'Spearman', ask: nothingAsked, outcome: pairOutcome },
  ranking: { metric: `NDCG@${K}`, ask: nothingAsked, outcome: searchOutcome },
  triplets: { metric: 'triplet accuracy', ask: nothingAsked, outcome: tripletOutcome },
  classes: { metric: 'nearest-class accuracy', ask: nothingAsked, outcome: classOutcome },
  texts: { metric: 'Spearman with the original', ask: askOriginal, outcome: agreementOutcome },
} as const satisfies Record<string, Form>;

function formOf(examples: readonly Example[]): Form {
  const [first] = examples;
  if (first === undefined || (first.texts.length === 1 && first.group === null)) return FORMS.texts;
  if (first.group !== null) return FORMS.classes;
  if (first.numbers.length > 0 && first.texts.length === 2) return FORMS.pairs;
  return first.texts.length === 2 ? FORMS.ranking : FORMS.triplets;
}

async function pairOutcome(
  examples: readonly Example[],
  vectors: Matrix,
  _: Question,
  model: Encoder,
): Promise<Outcome> {
  const compare = COMPARISONS[model.similarityFnName];
  const found = examples.map((__, i) => compare(vectors.row(2 * i), vectors.row(2 * i + 1)));
  const truth = examples.map(({ numbers }) => numbers[0] as number);
  return { metric: FORMS.pairs.metric, ...correlation(found, truth) };
}

async function tripletOutcome(
  examples: readonly Example[],
  vectors: Matrix,
  _: Question,
  model: Encoder,
): Promise<Outcome> {
  const compare = COMPARISONS[model.similarityFnName];
  let at = 0;
  const shares = examples.map(({ texts }) => {
    const rows = texts.map((__, i) => vectors.row(at + i)) as [Float32Array, Float32Array];
    at += texts.length;
    const near = compare(rows[0], rows[1]);
    const right = rows.slice(2).filter((other) => near > compare(rows[0], other)).length;
    return right / (texts.length - 2);
  });
  return meanOutcome(FORMS.triplets.metric, shares);
}

async function classOutcome(
  examples: readonly Example[],
  vectors: Matrix,
  _: Question,
  model: Encoder,
): Promise<Outcome> {
  const all = [...vectors];
  const isLeftOut = (query: number, index: number) => query === index;
  const call = { where: 'compress', isLeftOut };
  const best = await nearestTo(all, all, 1, model.similarityFnName, call);
  const right = best.map(([nearest], i): number =>
    nearest !== undefined && examples[nearest.index]?.group === examples[i]?.group ? 1 : 0,
  );
  return meanOutcome(FORMS.classes.metric, right);
}

async function searchOutcome(
  examples: readonly Example[],
  vectors: Matrix,
  _: Question,
  model: Encoder,
): Promise<Outcome> {
  const documents = new Map<string, number>();
  const relevant = new Map<string, Set<string>>();
  for (const [i, { texts }] of examples.entries()) {
    const [anchor, positive] = texts as [string, string];
    if (!documents.has(positive)) documents.set(positive, 2 * i + 1);
    relevant.set(anchor, (relevant.get(anchor) ?? new Set()).add(positive));
  }
  const names = [...documents.keys()];
  const found = [...documents.values()].map((row) => vectors.row(row));
  const asked = examples.map((__, i) => vectors.row(2 * i));
  const call = { where: 'compress' };
  const best = await nearestTo(asked, found, K, model.similarityFnName, call);
  const values = examples.map(({ texts }, i) =>
    ndcg(
      {
        ranked: (best[i] ?? []).map(({ index }) => names[index] ?? ''),
        relevant: relevant.get(texts[0] ?? '') ?? new Set<string>(),
      },
      K,
    ),
  );
  return meanOutcome(FORMS.ranking.metric, values);
}

/** For each text the most similar other one and one far from it, with the similarities that the original has. */
async function askOriginal(
  examples: readonly Example[],
  model: Encoder,
  signal?: AbortSignal,
): Promise<Question> {
  const texts = examples.map(({ texts: [text = ''] }) => text);
  const vectors = [...(await model.embed(texts, { ...(signal && { signal }) }))];
  const call = { where: 'compress', isLeftOut: (a: number, b: number) => a === b };
  const nearest = await nearestTo(vectors, vectors, 1, model.similarityFnName, call);
  const half = Math.max(1, texts.length >> 1);
  const pairs = texts.flatMap((__, i) => [
    [i, nearest[i]?.[0]?.index ?? i] as const,
    [i, (i + half) % texts.length] as const,
  ]);
  const compare = COMPARISONS[model.similarityFnName];
  const similarities = pairs.map(([a, b]) =>
    compare(vectors[a] as Float32Array, vectors[b] as Float32Array),
  );
  return { pairs, similarities };
}

async function agreementOutcome(
  _: readonly Example[],
  vectors: Matrix,
  { pairs, similarities }: Question,
  model: Encoder,
): Promise<Outcome> {
  const compare = COMPARISONS[model.similarityFnName];
  const found = pairs.map(([a, b]) => compare(vectors.row(a), vectors.row(b)));
  return { metric: FORMS.texts.metric, ...correlation(found, similarities) };
}
