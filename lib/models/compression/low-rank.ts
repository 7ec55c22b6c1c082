/**
 * Low rank by itself: products become two thin ones of ranks that the target asks for, and the model learns from the original.
 *
 * The rule: a product becomes two only where these were measured to be faster (where bytes alone are asked for: are smaller), and
 * the ranks lose the smallest sum, over the products, of the share of the squares of their outputs.
 */

import { createHash } from 'node:crypto';
import { lowRankProductsModel, productSpectra } from '../../compress/low-rank.js';
import { solveKnapsack } from '../../compress/width-search.js';
import type { JsonObject } from '../../core/json.js';
import { unitsOf } from '../../graph/rewrite/units.js';
import type { ProductRank } from '../../report/compression-types.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { FITTED_TEXTS, layerCount, range, trainRound, type Workshop } from './candidates.js';
import { copyOf } from './copy.js';
import { type PricedProduct, type RankCosts, rankCosts } from './low-rank-costs.js';
import type { LowRankSettings } from './options.js';
import { bisectBudgets, passesOf, type SearchHooks, type Visit } from './search.js';
import type { Shape } from './shapes.js';

/** Runs work as a stage of the compression. */
export type StageRunner = <T>(stage: 'latency' | 'recovery', work: () => Promise<T>) => Promise<T>;

/** What was found. */
export interface LowRankSearch {
  readonly visits: readonly Visit[];
  /** null: no form was within the loss, or no product is cheaper as two. */
  readonly chosen: Visit | null;
  readonly costs: RankCosts;
  readonly losses: Losses;
}

/** Share of the squares of a product's outputs that is lost, by its name, for each of its ranks. */
export type Losses = Readonly<Record<string, readonly number[]>>;

/** Speed-ups over the original in its final precision that are tried where no target is given. */
const LADDER = [1.1, 1.2, 1.35, 1.5, 1.75, 2] as const;

/** The best form of low rank for the target; without one, the fastest that `passes`. */
export async function searchLowRank(
  workshop: Workshop,
  form: LowRankSettings,
  passes: (found: Visit) => Promise<boolean>,
  hooks: SearchHooks & { readonly run: StageRunner },
): Promise<LowRankSearch> {
  const costs = await hooks.run('latency', () => rankCosts(workshop, form));
  const cheaper = costs.products.filter(({ options }) => options.length > 0);
  hooks.say(`${cheaper.length} of ${costs.products.length} products are cheaper as two`);
  const nothing = { visits: [], chosen: null, costs, losses: {} };
  if (cheaper.length === 0 || hooks.mustStop()) return nothing;
  const losses = await lossesOf(workshop, form, costs);
  const visit = (budget: number) =>
    hooks.run('recovery', async () => {
      const ranks =
        form.rank === null ? await ranksWithin(costs, losses, budget, workshop) : givenRanks(costs);
      return ranks === null ? null : visitRanks(workshop, form, costs, ranks, budget, hooks);
    });
  if (form.rank === null && costs.budget === null) {
    const budgets = LADDER.map((gain) => costs.full / gain);
    const found = await bisectBudgets(budgets, visit, passes, hooks.mustStop);
    return { ...found, costs, losses };
  }
  const found = await visit(costs.budget ?? costs.full);
  if (found === null) return { ...nothing, losses };
  return { visits: [found], chosen: (await passes(found)) ? found : null, costs, losses };
}

async function lossesOf(
  workshop: Workshop,
  { weighting }: LowRankSettings,
  { products }: RankCosts,
): Promise<Losses> {
  const { teacher, subject, journal, settings } = workshop;
  const { signal } = settings;
  const found = await journal.stage('low-rank-losses', async () => {
    const texts = weighting === 'none' ? undefined : subject.inputs.slice(0, FITTED_TEXTS);
    const spectra = await teacher.program.use('compress', (program) =>
      productSpectra('compress', teacher, program, {
        ...(texts && { texts }),
        ...(signal && { signal }),
      }),
    );
    const all = products.map(({ name, options }) => {
      const values = spectra.get(name) ?? new Float64Array();
      return [name, options.map(({ rank }) => lostShare(values, rank))] as const;
    });
    return Object.fromEntries(all) as unknown as JsonObject;
  });
  return found as unknown as Losses;
}

/** The sum of the squares from `rank` on, as a share of all. */
function lostShare(values: Float64Array, rank: number): number {
  let [lost, all] = [0, 0];
  // From the smallest up, so that small squares are not lost in large sums.
  for (let i = values.length - 1; i >= 0; i--) {
    all += (values[i] as number) ** 2;
    if (i === rank) lost = all;
  }
  return all === 0 ? 0 : lost / all;
}

type Ranks = ReadonlyMap<string, number>;

/** The ranks that lose least within the budget; null where even the cheapest ones are over it. */
async function ranksWithin(
  { products, fixed }: RankCosts,
  losses: Losses,
  budget: number,
  { settings }: Workshop,
): Promise<Ranks | null> {
  const parts = products.map(({ name, whole, options }) => [
    { width: 0, cost: whole, value: 0 },
    ...options.map(({ rank, cost }, i) => {
      return { width: rank, cost, value: -(losses[name]?.[i] ?? 0) };
    }),
  ]);
  const { signal } = settings;
  const chosen = await solveKnapsack(parts, budget - fixed, { where: 'compress', signal });
  if (chosen === null) return null;
  const ranks = products.map(
    ({ name }, i) => [name, parts[i]?.[chosen[i] ?? 0]?.width ?? 0] as const,
  );
  return new Map(ranks.filter(([, rank]) => rank > 0));
}

/** The rank that was asked for, of every product that is cheaper so. */
function givenRanks({ products }: RankCosts): Ranks {
  return new Map(
    products.flatMap(({ name, options: [first] }) => (first ? [[name, first.rank]] : [])),
  );
}

async function visitRanks(
  workshop: Workshop,
  form: LowRankSettings,
  costs: RankCosts,
  ranks: Ranks,
  budget: number,
  hooks: SearchHooks,
): Promise<Visit> {
  const { subject, journal, settings } = workshop;
  const cost = costOf(costs, ranks);
  const shape = shapeOf(workshop, ranks, cost);
  const start = () => startOf(workshop, form, ranks);
  const score = await journal.stage(`${shape.name}-one-shot`, async () => {
    const parts = await start();
    try {
      return (await subject.measure(parts, 'choice', settings.signal)).scoreOf();
    } finally {
      await parts.program.retire();
    }
  });
  hooks.say(`${ranks.size} products of low rank: ${(100 * score).toFixed(2)} % before training`);
  const epochs = hooks.mustStop() ? 0 : passesOf(workshop).all;
  const best = await trainRound(workshop, {
    ...{ shape, start, epochs, startScore: score, from: null, speedup: costs.speedupOf(cost) },
    stage: `${shape.name}-${epochs === 0 ? 'untrained' : 'round-1'}`,
  });
  return { budget, tried: [{ shape, score }], trained: [best], best };
}

function costOf({ products, fixed }: RankCosts, ranks: Ranks): number {
  const of = ({ name, whole, options }: PricedProduct) =>
    options.find(({ rank }) => rank === ranks.get(name))?.cost ?? whole;
  return products.reduce((sum, product) => sum + of(product), fixed);
}

function shapeOf({ teacher }: Workshop, ranks: Ranks, cost: number): Shape {
  const { heads, neurons } = unitsOf(teacher.graph);
  const text = JSON.stringify([...ranks]);
  return {
    name: `low_rank_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`,
    ...{ layers: range(layerCount(teacher)), heads: [], neurons: [], ranks: [...ranks] },
    widths: { heads: heads.map(({ count }) => count), neurons: neurons.map(({ count }) => count) },
    ...{ cost, kept: 1 },
  };
}

/** The untrained form. It is never the original's own program, because a training frees it. */
async function startOf(
  { teacher, subject, settings }: Workshop,
  { weighting }: LowRankSettings,
  ranks: Ranks,
): Promise<ModelParts> {
  const { signal } = settings;
  if (ranks.size === 0) return copyOf(teacher, signal);
  const texts = weighting === 'none' ? undefined : subject.inputs.slice(0, FITTED_TEXTS);
  const options = { ...(texts && { texts }), ...(signal && { signal }) };
  return teacher.program.use('compress', (program) =>
    lowRankProductsModel('compress', teacher, program, new Map(ranks), options),
  );
}

/** What became of every product, and why. */
export function productRanks(
  { costs, losses }: LowRankSearch,
  chosen: Visit | null,
): readonly ProductRank[] {
  const ranks = new Map(chosen?.best.shape.ranks ?? []);
  const what = costs.latency === null ? 'smaller' : 'faster';
  return costs.products.map(({ name, inputs, outputs, whole, options, least }) => {
    const at = options.findIndex(({ rank }) => rank === ranks.get(name));
    const taken = options[at];
    const [rank, lost] = taken === undefined ? [null, 0] : [taken.rank, losses[name]?.[at] ?? 0];
    const share = taken === undefined ? least : taken.cost / whole;
    const decision =
      taken !== undefined
        ? `two products, ${what}`
        : options.length === 0
          ? `whole: two are not ${what}`
          : 'whole: others lose less';
    return { name, inputs, outputs, rank, lost, share, decision };
  });
}
