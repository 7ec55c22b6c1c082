/**
 * The search for a shape: successive halving over depths for one budget, and bisection over budgets where none is given.
 *
 * The rule: every comparison uses the rows for the choice, and ties go to the candidate that comes first, so the seed and the latency
 * table decide everything.
 */

import { throwIfAborted } from '../../core/errors.js';
import { range, release, type Trained, trainRound, type Workshop } from './candidates.js';
import type { TableOption } from './costs.js';
import { type Depth, type Shape, shapeWithin, withTable } from './shapes.js';
import { untrainedForm } from './untrained.js';

/** A depth with its importances; those of layers that stay come from the model without the others. */
export interface DepthSource {
  /** The layers that stay at each number of layers, the most layers first. */
  readonly chains: readonly (readonly number[])[];
  depthOf(layers: readonly number[]): Promise<Depth>;
  /** Forms of the table of tokens: the whole one first. */
  readonly tables: readonly TableOption[];
  /** How many times as fast as the original in f32 a shape of this cost is; null where costs are bytes. */
  speedupOf(cost: number): number | null;
}

/** What has been tried for one budget. */
export interface Visit {
  readonly budget: number;
  /** The one-shot scores and shapes of all depths, the best first. */
  readonly tried: readonly OneShot[];
  readonly trained: readonly Trained[];
  readonly best: Trained;
}

export interface OneShot {
  readonly shape: Shape;
  /** Before any training. */
  readonly score: number;
}

/** Shapes that are trained for a round, and those that are trained to the end. */
const FIRST_ROUND = 3;
/** Passes where none are given, and the steps that they are at least: fewer do not bring back what was cut. */
const PASSES = { first: 1, all: 6 };
const LEAST_STEPS = { first: 60, all: 600 };

export interface SearchHooks {
  /** Whether the time is over, so that what comes next is left out. */
  readonly mustStop: () => boolean;
  readonly say: (message: string) => void;
}

/**
 * The best candidate under a budget; null where no shape is within it, or the time is over before one was measured. A time that is
 * over before the first training gives the best candidate as it is.
 */
export async function visitBudget(
  workshop: Workshop,
  source: DepthSource,
  budget: number,
  hooks: SearchHooks,
): Promise<Visit | null> {
  const shots = await oneShots(workshop, source, budget, hooks);
  if (shots.length === 0) return null;
  const order = shots.toSorted((a, b) => b.score - a.score || b.shape.kept - a.shape.kept);
  const rounds = roundsOf(passesOf(workshop), order.length);
  let left = order.slice(0, FIRST_ROUND).map((shot): Entry => ({ shot, trained: null }));
  const all: Trained[] = [];
  for (const [r, { epochs: passes, survivors }] of rounds.entries()) {
    if (hooks.mustStop()) break;
    left = left.slice(0, survivors);
    const next: Entry[] = [];
    for (const { shot, trained } of left) {
      if (next.length > 0 && hooks.mustStop()) break;
      const made = await trainRound(workshop, {
        shape: shot.shape,
        stage: `${shot.shape.name}-round-${r + 1}`,
        from: trained,
        start: () => untrainedForm(workshop, shot.shape),
        startScore: shot.score,
        epochs: passes,
        speedup: source.speedupOf(shot.shape.cost),
      });
      hooks.say(`${describe(shot.shape)}: ${percent(made.score)} after ${made.epochs} passes`);
      all.push(made);
      next.push({ shot, trained: made });
    }
    left = next.toSorted((a, b) => (b.trained?.score ?? 0) - (a.trained?.score ?? 0));
  }
  const [first] = left;
  if (first === undefined) return null;
  const best = first.trained ?? (await untrained(workshop, source, first.shot));
  return { budget, tried: order, trained: all.length === 0 ? [best] : all, best };
}

/** The scores of all depths within the budget, before any training: with the whole table of tokens, then with narrower ones. */
async function oneShots(
  workshop: Workshop,
  source: DepthSource,
  budget: number,
  hooks: SearchHooks,
): Promise<readonly OneShot[]> {
  const { signal, methods } = workshop.settings;
  const limits = { canNarrow: methods.has('width'), signal };
  const shots: OneShot[] = [];
  for (const table of source.tables) {
    for (const [gone, layers] of source.chains.entries()) {
      throwIfAborted(signal, 'compress');
      if (hooks.mustStop()) return shots;
      const depth = await source.depthOf(layers);
      const found = await shapeWithin('compress', depth, budget + table.saved, limits);
      if (found === null) continue;
      const shape = withTable(found, table);
      shots.push({ shape, score: await oneShot(workshop, shape) });
      hooks.say(`${describe(shape)}: ${percent(shots.at(-1)?.score ?? 0)} before training`);
      // Where nothing has to go, a narrower table is only worse.
      if (shape.kept === 1 && gone === 0 && table.size === null) return shots;
      // Fewer layers than needed are only worse.
      if (shape.kept === 1) break;
    }
  }
  return shots;
}

/** A candidate as it was cut, for a search whose time is over. */
function untrained(workshop: Workshop, source: DepthSource, shot: OneShot): Promise<Trained> {
  return trainRound(workshop, {
    shape: shot.shape,
    stage: `${shot.shape.name}-untrained`,
    from: null,
    start: () => untrainedForm(workshop, shot.shape),
    startScore: shot.score,
    epochs: 0,
    speedup: source.speedupOf(shot.shape.cost),
  });
}

interface Entry {
  readonly shot: OneShot;
  readonly trained: Trained | null;
}

/** A short round for some, then the rest of the passes for the best: half of them, where there are enough for that. */
function roundsOf({ first, all }: Passes, shapes: number) {
  if (shapes === 1 || all <= first)
    return [{ epochs: all, survivors: shapes === 1 ? 1 : FIRST_ROUND }];
  return [
    { epochs: first, survivors: FIRST_ROUND },
    { epochs: all - first, survivors: 1 },
  ];
}

interface Passes {
  readonly first: number;
  readonly all: number;
}

/** Passes of the first round, and of all. */
export function passesOf({ subject, settings }: Workshop): Passes {
  const { train, unlabelled } = subject.counts;
  const steps = Math.ceil((train + unlabelled) / settings.batchSize);
  const of = (part: 'first' | 'all') =>
    Math.max(PASSES[part], Math.ceil(LEAST_STEPS[part] / steps));
  const all = settings.epochs ?? of('all');
  return { first: Math.min(of('first'), all), all };
}

async function oneShot(workshop: Workshop, shape: Shape): Promise<number> {
  const { journal, subject, settings } = workshop;
  return journal.stage(`${shape.name}-one-shot`, async () => {
    const parts = await untrainedForm(workshop, shape);
    try {
      return (await subject.measure(parts, 'choice', settings.signal)).scoreOf();
    } finally {
      await release(parts, workshop.teacher);
    }
  });
}

/** Speed-ups of shapes that are tried where no target is given, over the original in its final precision. */
export const LADDER = [1.5, 2, 2.75, 3.75, 5, 7] as const;

/**
 * The smallest budget whose best candidate `passes`, among `budgets` from the largest to the smallest, by bisection: a smaller one
 * is tried only after a larger one has passed, and none after `mustStop`. Returns all visits, in their order; the last one that
 * passed is `chosen`.
 */
export async function bisectBudgets(
  budgets: readonly number[],
  visit: (budget: number) => Promise<Visit | null>,
  passes: (found: Visit) => Promise<boolean>,
  mustStop: () => boolean = () => false,
): Promise<{ readonly visits: readonly Visit[]; readonly chosen: Visit | null }> {
  const visits: Visit[] = [];
  let chosen: Visit | null = null;
  let [low, high] = [0, budgets.length - 1];
  while (low <= high && !mustStop()) {
    const middle = (low + high) >> 1;
    const found = await visit(budgets[middle] as number);
    if (found === null) {
      high = middle - 1;
      continue;
    }
    visits.push(found);
    if (await passes(found)) {
      chosen = found;
      low = middle + 1;
    } else high = middle - 1;
  }
  return { visits, chosen };
}

/** A shape in words. */
export function describe({ layers, widths, hiddenSize, embeddingSize, ranks }: Shape): string {
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
  const hidden = hiddenSize === undefined ? '' : `, hidden size ${hiddenSize}`;
  const table = embeddingSize === undefined ? '' : `, embedding size ${embeddingSize}`;
  const low = ranks === undefined ? '' : `, ${ranks.length} products of low rank`;
  return `${layers.length} layers (${layers.join(', ')}), ${sum(widths.heads)} heads, ${sum(widths.neurons)} neurons${hidden}${table}${low}`;
}

function percent(score: number): string {
  return `${(100 * score).toFixed(2)} %`;
}

/** All subsets of layers by greedy removal: from all layers down to one. */
export function depthChains(
  count: number,
  order: readonly number[],
): readonly (readonly number[])[] {
  return range(count).map((gone) => {
    const removed = new Set(order.slice(0, gone));
    return range(count).filter((layer) => !removed.has(layer));
  });
}
