/**
 * What products cost whole and as two thin ones: milliseconds on this machine, or bytes of the file.
 *
 * The rule: times are measured once, in the arithmetic that the model ends in, and are part of the result.
 */

import { timeShapes } from '../../compress/measure-latency.js';
import {
  candidateRanks,
  measureProducts,
  type ProductLatency,
  type ProductTimes,
  shapeKey,
} from '../../compress/product-latency.js';
import { SinterError } from '../../core/errors.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import { layerShapes } from '../../graph/rewrite/layer-shapes.js';
import {
  lowRankProducts,
  type ThinnableProduct,
  thinnableProducts,
} from '../../graph/rewrite/low-rank-products.js';
import { native } from '../../native/native.js';
import { TOKEN_BUDGET } from '../../runtime/forward.js';
import { bytesOf, inInt8, type Workshop } from './candidates.js';
import { GAIN, gainOfPrecision, isAboutBytes, sampleOf, timeBudget } from './costs.js';
import type { LowRankSettings } from './options.js';

/** A product with what it costs. */
export interface PricedProduct {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** As one product, all times that it runs. */
  readonly whole: number;
  /** The ranks at which two thin products cost less, in increasing order. */
  readonly options: readonly { readonly rank: number; readonly cost: number }[];
  /** The smallest cost of two as a share of the one; null where no rank was tried. */
  readonly least: number | null;
}

export interface RankCosts {
  readonly products: readonly PricedProduct[];
  /** What all but the products costs. */
  readonly fixed: number;
  /** The original in its final precision. */
  readonly full: number;
  /** The limit that the target sets; null where there is none. */
  readonly budget: number | null;
  /** How many times as fast as the original in f32 a model of this cost is; null for bytes. */
  speedupOf(cost: number): number | null;
  /** The measured times; null for bytes. */
  readonly latency: JsonObject | null;
}

/** Two products count as faster where they take at most this share of the time of one: a measurement is not exact. */
const FASTER = 0.95;

export async function rankCosts(workshop: Workshop, form: LowRankSettings): Promise<RankCosts> {
  return isAboutBytes(workshop.settings) ? byteCosts(workshop, form) : timeCosts(workshop, form);
}

/** `prices`: the cost as one product, and as two of each rank. */
function priced(
  product: ThinnableProduct,
  whole: number,
  prices: readonly { readonly rank: number; readonly cost: number }[],
  most: number,
): PricedProduct {
  const { name, inputs } = product;
  return {
    ...{ name, inputs, whole },
    outputs: product.outputs.reduce((sum, count) => sum + count, 0),
    options: prices.filter(({ cost }) => cost < most * whole),
    least: prices.length === 0 ? null : Math.min(...prices.map(({ cost }) => cost)) / whole,
  };
}

function ranksOf(product: ThinnableProduct, { rank }: LowRankSettings): readonly number[] {
  if (rank === null) return candidateRanks(product);
  const outputs = product.outputs.reduce((sum, count) => sum + count, 0);
  return [Math.min(rank, product.inputs, outputs)];
}

function byteCosts({ teacher, settings }: Workshop, form: LowRankSettings): RankCosts {
  const { graph } = teacher;
  const finalOf = (one: typeof graph) => (settings.methods.has('quantize') ? inInt8(one) : one);
  const final = finalOf(graph);
  const full = bytesOf(final);
  const products = thinnableProducts(graph).map((product) => {
    const own = final.weights.filter(({ name }) => product.weights.includes(name));
    const whole = bytesOf({ ...final, weights: own });
    const prices = ranksOf(product, form).map((rank) => {
      const thin = lowRankProducts(graph, new Map([[product.name, rank]])).graph;
      return { rank, cost: whole + bytesOf(finalOf(thin)) - full };
    });
    return priced(product, whole, prices, 1);
  });
  return {
    ...{ products, full, latency: null, budget: settings.target.bytes ?? null },
    fixed: full - products.reduce((sum, { whole }) => sum + whole, 0),
    speedupOf: () => null,
  };
}

/** What is measured, as a report has it. */
interface MeasuredTimes {
  readonly products: ProductLatency;
  /** The original in its final precision on the sample, and the sample's tokens and texts. */
  readonly fullMs: number;
  readonly tokens: number;
  readonly texts: number;
}

async function timeCosts(workshop: Workshop, form: LowRankSettings): Promise<RankCosts> {
  const { teacher, journal, settings } = workshop;
  const { latency: given } = settings;
  const kept = journal.stage('product-latency', async () => {
    if (given !== null) return given as JsonObject;
    return JSON.parse(JSON.stringify(await measured(workshop, form))) as JsonObject;
  });
  const times = checkedTimes(await kept);
  const own = times.latency[GAIN];
  const ratio = await journal.stage('precision-speed', async () =>
    typeof own === 'number' && own > 0 ? own : gainOfPrecision(workshop),
  );
  const products = thinnableProducts(teacher.graph).map((product) => {
    const { wholeMs, ranks, shares } = timesFor(product, times.products);
    const whole = (wholeMs * product.runs * times.tokens) / times.products.rows;
    const all = ranks.map((rank, i) => ({ rank, cost: whole * (shares[i] ?? 1) }));
    if (form.rank === null) return priced(product, whole, all, FASTER);
    // A table that was measured for other ranks says nothing of this one.
    const [own] = ranksOf(product, form);
    const prices = all.filter(({ rank }) => rank === own);
    if (prices.length === 0) throw damaged(`${product.name} was not measured at rank ${own}`);
    return priced(product, whole, prices, FASTER);
  });
  const sum = products.reduce((all, { whole }) => all + whole, 0);
  return {
    ...{ products, full: Math.max(times.fullMs, sum), fixed: Math.max(0, times.fullMs - sum) },
    budget: timeBudget(settings.target, times.fullMs * ratio, times.texts),
    speedupOf: (cost) => (times.fullMs * ratio) / cost,
    latency: { ...times.latency, [GAIN]: ratio },
  };
}

async function measured(workshop: Workshop, form: LowRankSettings): Promise<MeasuredTimes> {
  const { teacher, subject, settings } = workshop;
  const { signal, target } = settings;
  const { graph, program } = teacher;
  const bits = settings.methods.has('quantize') ? 8 : undefined;
  const batch = await sampleOf(workshop);
  const [tokens, texts] = [batch.ids.length, batch.offsets.length - 1];
  const isSingle = target.latencyMs !== undefined;
  const rows = isSingle ? Math.max(1, Math.round(tokens / texts)) : TOKEN_BUDGET * native().lanes();
  const run = {
    where: 'compress',
    signal,
    batch,
    output: subject.output,
    activationBits: bits,
  } as const;
  const timed = { ...run, seconds: 2, textsPerCall: isSingle ? 1 : texts };
  const { times } = await program.use('compress', ({ store }) =>
    timeShapes(graph, store, [layerShapes(graph)], timed),
  );
  const rank = form.rank ?? undefined;
  const products = await measureProducts(thinnableProducts(graph), {
    ...{ where: 'compress', signal, rows, activationBits: bits, rank },
  });
  return { products, fullMs: times[0] ?? 0, tokens, texts };
}

function timesFor(product: ThinnableProduct, { shapes }: ProductLatency): ProductTimes {
  const key = shapeKey(product);
  const found = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
  if (found !== undefined) return found;
  throw damaged(`it has no products of the shape ${key}`);
}

function checkedTimes(latency: JsonObject): MeasuredTimes & { readonly latency: JsonObject } {
  const { products, fullMs, tokens, texts } = latency;
  const isTime = (value: unknown) =>
    typeof value === 'number' && Number.isFinite(value) && value > 0;
  const isList = (list: unknown) => Array.isArray(list) && list.every(isTime);
  if (!isJsonObject(products) || !isJsonObject(products.shapes))
    throw damaged('it has no products');
  for (const shape of Object.values(products.shapes)) {
    const isWhole = isJsonObject(shape) && isTime(shape.wholeMs);
    if (!isWhole || !isList(shape.ranks) || !isList(shape.shares))
      throw damaged('the times of a product are missing');
  }
  if (![fullMs, tokens, texts, products.rows].every(isTime)) throw damaged('a time is missing');
  return { ...(latency as unknown as MeasuredTimes), latency };
}

function damaged(what: string): SinterError {
  return new SinterError('INVALID_DATA', `compress: latency: not the times of products: ${what}`);
}
