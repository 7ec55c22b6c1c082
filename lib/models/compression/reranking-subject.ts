/**
 * Cross-encoders under compression: pairs are judged by the order of their scores, queries by the ranking of their documents.
 *
 * The rule: students learn the original's logits of single pairs, whatever the rows are, so scores stay in their scale. Pairs
 * without a score are compared with the original's own.
 */

import { meanOutcome, type Outcome } from '../../compress/outcome.js';
import { rangeMistake, typeMistake } from '../../core/errors.js';
import { ndcg } from '../../metrics/index.js';
import { forwardTexts } from '../../runtime/forward.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { promptText, withPrompt } from '../../runtime/prompts.js';
import { rankedQuery } from '../../tasks/reranking/evaluate-reranking.js';
import {
  describeReranking,
  parseRerankingRow,
  type RerankingRow,
} from '../../tasks/reranking/reranking-rows.js';
import type { TextInput, TextPair } from '../../tokenize/text-tokenizer.js';
import { modelOver } from '../adapted-model.js';
import type { CrossEncoder } from '../cross-encoder.js';
import { insideOf } from '../text-model.js';
import { correlation } from './correlation.js';
import { partsLoader, recoveryOptions, trained } from './recover.js';
import { cancellable, once, type RowCheck } from './rows.js';
import type { Subject, SubjectLoader, SubjectRows } from './subject.js';

/** A row, and whether it says how well its texts match. */
interface Row extends RerankingRow {
  readonly isScored: boolean;
}

/** Documents of which a query is scored. */
const K = 10;

/** Rows are those of `evaluate`, or two texts without a score. */
export function rerankingRows(): RowCheck {
  let first: RerankingRow | undefined;
  return (at, given) => {
    const row = parsed(at, given);
    first ??= row;
    const [wanted, got] = [describeReranking(first), describeReranking(row)];
    if (wanted !== got)
      throw new TypeError(`${at} must be a row of ${wanted} as the first one is, got ${got}`);
    if (row.shape !== 'pairs' && row.docs.length < 2 && row.shape !== 'lists')
      throw rangeMistake(at, 'a row with a negative, which the positive is ranked against', got);
    return row.isScored;
  };
}

/** Texts without labels are pairs. */
export function rerankingSubject(
  model: CrossEncoder,
  rows: SubjectRows<unknown>,
  load: SubjectLoader<CrossEncoder>,
): Subject {
  const over = (parts: ModelParts) => modelOver(model, parts);
  const read = (list: readonly unknown[]) => list.map((row) => parsed('compress: rows', row));
  const [train, choice, test] = [read(rows.train), read(rows.choice), read(rows.test)];
  const known = { choice, test };
  const inputs = [...train.flatMap(pairsOf), ...rows.unlabelled.map(pairOf)];
  const truthOf = (list: readonly Row[]) =>
    once(async (signal) =>
      list[0]?.isScored === false
        ? model.score(list.flatMap(pairsOf), cancellable(signal))
        : list.flatMap(({ relevances }) => relevances),
    );
  const truth = { choice: truthOf(choice), test: truthOf(test) };
  const lessons = once(async (signal) => {
    const logits = await logitsOf(model, inputs, signal);
    return inputs.map(([text, pair], i) => ({ text, pair, score: logits[i] ?? 0 }));
  });
  return {
    task: 'pairs',
    metric: metricOf(test),
    output: 'logits',
    rowLoss: { kind: 'projections', count: 1, seed: 1 },
    inputs,
    isUnlabelled: train[0]?.isScored === false,
    counts: {
      train: inputs.length - rows.unlabelled.length,
      choice: choice.length,
      test: test.length,
      unlabelled: rows.unlabelled.length,
    },
    measure: async (parts, part, signal) => {
      const list = known[part];
      const scores = await over(parts).score(list.flatMap(pairsOf), cancellable(signal));
      return outcomeOf(list, scores, await truth[part](signal));
    },
    recover: (parts, recovery) =>
      trained(over(parts), recovery.signal, async (student) => {
        const options = { ...recoveryOptions(recovery), loss: 'mse' } as const;
        await student.train(await lessons(recovery.signal), options);
      }),
    load: partsLoader(load),
  };
}

function parsed(at: string, row: unknown): Row {
  const { score, label, docs, positive } = (row ?? {}) as Partial<Record<string, unknown>>;
  const isScored = [score, label, docs, positive].some((field) => field !== undefined);
  const isObject = typeof row === 'object' && row !== null;
  return { ...parseRerankingRow(at, isScored || !isObject ? row : { ...row, score: 0 }), isScored };
}

function pairsOf({ query, docs }: RerankingRow): readonly TextPair[] {
  return docs.map((doc) => [query, doc] as const);
}

function pairOf(pair: TextInput, i: number): TextPair {
  if (typeof pair === 'string')
    throw typeMistake(`compress: unlabelled[${i}]`, 'a pair of texts', pair);
  return pair;
}

function metricOf([first]: readonly Row[]): string {
  if (first?.isScored === false) return 'Spearman with the original';
  return first?.shape === 'pairs' ? 'Spearman' : `NDCG@${K}`;
}

function outcomeOf(
  rows: readonly Row[],
  scores: readonly number[],
  truth: readonly number[],
): Outcome {
  const metric = metricOf(rows);
  if (rows[0]?.shape === 'pairs') return { metric, ...correlation(scores, truth) };
  let next = 0;
  const values = rows.map((row) => {
    const own = scores.slice(next, next + row.docs.length);
    next += row.docs.length;
    const query = rankedQuery(row, own);
    return query.relevant.size === 0 ? 0 : ndcg(query, K);
  });
  return meanOutcome(metric, values);
}

/** The scores before the activation, which are not bounded. */
async function logitsOf(
  model: CrossEncoder,
  pairs: readonly TextPair[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const { parts, use } = insideOf(model);
  const { tokenizer, graph, sentence } = parts;
  const prompt = promptText('compress', sentence, undefined);
  const texts = pairs.map((pair) => withPrompt(prompt, pair));
  const { maxTokens } = model;
  const request = { where: 'compress', output: 'logits', maxTokens, truncate: true } as const;
  const { data } = await use('compress', (program) =>
    forwardTexts(program, tokenizer, graph, texts, { ...request, priority: 'bulk', signal }),
  );
  return data;
}
