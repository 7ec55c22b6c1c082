/**
 * Texts in the order of how well they fit a query, for the three forms of the route.
 *
 * The rule: equal scores keep the order of the request, so the same request always has the same answer.
 */
import type { CallFacts, LengthOptions, ServedInfo } from '../contract.js';
import { RequestFailure } from '../handling.js';
import { type Inputs, refuseEmpty, withPlaces } from './inputs.js';
import type { Call } from './route.js';
import { shortest } from './scores.js';

export interface RankedText {
  /** Place in the request. */
  readonly index: number;
  readonly score: number;
  readonly text: string;
}

export interface Ranking {
  /** The best first. */
  readonly ranked: readonly RankedText[];
  readonly facts: CallFacts;
  readonly info: ServedInfo;
}

export interface RankInputs {
  readonly query: string;
  readonly list: readonly string[];
  /** What the request calls the list. */
  readonly field: string;
}

export async function rankTexts(
  call: Call,
  model: string | undefined,
  { query, list, field }: RankInputs,
  request: LengthOptions & { readonly isRaw: boolean },
): Promise<Ranking> {
  const { serving, reply } = call;
  const texts: Inputs<string> = { field, method: 'batch', list };
  if (query === '') {
    throw new RequestFailure('empty', 'query must not be empty', { param: 'query' });
  }
  refuseEmpty(texts);
  const pairs = list.map((text) => [query, text] as const);
  const target = { model, tasks: ['rerank'] as const, method: 'batch' as const, inputs: pairs };
  const handled = await serving.handle(call.request, reply, target, (served, context) =>
    withPlaces(texts, () => served.rerank(query, list, request, context)),
  );
  const ranked = handled.results.map((score, index) => ({
    index,
    score: shortest(score),
    text: list[index] ?? '',
  }));
  ranked.sort((a, b) => b.score - a.score || a.index - b.index);
  return { ranked, facts: handled.facts, info: handled.model };
}
