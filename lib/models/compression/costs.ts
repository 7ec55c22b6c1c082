/**
 * What shapes cost: milliseconds by the latency table of this machine, or bytes of the file.
 *
 * The rule: the table is measured once, in the arithmetic that the model ends in, and is part of the result.
 */

import { LatencyTable } from '../../compress/latency-table.js';
import { measureLatency } from '../../compress/measure-latency.js';
import { unitBytes } from '../../compress/unit-bytes.js';
import type { JsonObject } from '../../core/json.js';
import { factorTable } from '../../graph/rewrite/factor-table.js';
import { layerShapes } from '../../graph/rewrite/layer-shapes.js';
import type { UnitPart } from '../../graph/rewrite/units.js';
import type { EncoderGraph } from '../../graph/types.js';
import { trimSegments } from '../../runtime/forward.js';
import { bytesOf, inInt8, layerCount, type Workshop } from './candidates.js';
import type { CompressSettings, CompressTarget } from './options.js';
import { measureSpeeds } from './speeds.js';

/** Costs of the parts of models with some of the original's layers. */
export interface Costs {
  /** What the original costs in the final arithmetic. */
  readonly full: number;
  /** The limit that the target sets; null where there is none, and speed-ups are tried. */
  readonly budget: number | null;
  /** The cost of a speed-up over the original in f32. */
  budgetFor(speedup: number): number;
  /** How many times as fast as the original in f32 a model of this cost is; null for bytes. */
  speedupOf(cost: number): number | null;
  /** `layers`: those of the original that stay. */
  of(layers: readonly number[]): {
    readonly costOf: (part: UnitPart, layer: number, count: number) => number;
    readonly fixed: number;
  };
  /** Forms of the table of tokens that are worth a try: the whole one first. */
  readonly tables: readonly TableOption[];
  /** The latency table; null for bytes. */
  readonly latency: JsonObject | null;
}

/** A form of the table of tokens. */
export interface TableOption {
  /** Columns of a factorised table; null: the table is whole. */
  readonly size: number | null;
  /** What it costs less than the whole one. */
  readonly saved: number;
}

const WHOLE: TableOption = { size: null, saved: 0 };
/** Columns of the tables that are tried, as shares of those of the whole one. */
const TABLE_SHARES = [1 / 2, 1 / 4] as const;

/** Texts and tokens of the sample that the table is measured on. */
const SAMPLE_TEXTS = 256;
const SAMPLE_TOKENS = 8192;
const SAMPLE_SECONDS = 12;

/** The costs that the target is about. */
export async function costsOf(workshop: Workshop): Promise<Costs> {
  return isAboutBytes(workshop.settings) ? byteCosts(workshop) : timeCosts(workshop);
}

/** Whether bytes alone are asked for. */
export function isAboutBytes({ target }: CompressSettings): boolean {
  return (
    target.bytes !== undefined && target.speedup === undefined && target.latencyMs === undefined
  );
}

/** The limit of a target in milliseconds of the sample; null where there is none. `inF32`: what the original in f32 takes. */
export function timeBudget(target: CompressTarget, inF32: number, texts: number): number | null {
  if (target.latencyMs !== undefined) return target.latencyMs * texts;
  return target.speedup === undefined ? null : inF32 / target.speedup;
}

function finalGraph({ teacher: { graph }, settings }: Workshop): EncoderGraph {
  return settings.methods.has('quantize') ? inInt8(graph) : graph;
}

function byteCosts(workshop: Workshop): Costs {
  const bytes = unitBytes(finalGraph(workshop));
  const { total } = bytes;
  const layers = layerCount(workshop.teacher);
  // What a layer has besides its units: norms and biases.
  const beside = layerBytes(finalGraph(workshop), bytes);
  return {
    full: total,
    budget: workshop.settings.target.bytes ?? null,
    budgetFor: (speedup) => total / speedup,
    speedupOf: () => null,
    of: (kept) => ({
      costOf: (part, layer, count) => count * (bytes[part][kept[layer] ?? 0] ?? 0),
      fixed: bytes.fixed - (layers - kept.length) * beside,
    }),
    tables: tablesOf(workshop),
    latency: null,
  };
}

/** The whole table, and narrower ones where low rank is a method, the graph allows them and they are smaller. */
function tablesOf({ teacher: { graph }, settings }: Workshop): readonly TableOption[] {
  if (!settings.methods.has('low-rank')) return [WHOLE];
  const final = (one: EncoderGraph) =>
    bytesOf(settings.methods.has('quantize') ? inInt8(one) : one);
  try {
    const { table } = factorTable(graph, 1);
    const width = graph.weights.find(({ name }) => name === table)?.shape[1] ?? 0;
    const narrow = TABLE_SHARES.map((share) => Math.round(share * width)).map((size) => {
      return { size, saved: final(graph) - final(factorTable(graph, size).graph) };
    });
    return [WHOLE, ...narrow.filter(({ saved }) => saved > 0)];
  } catch (error) {
    // A table that something else reads, as the head of a masked LM, stays whole.
    if (error instanceof RangeError) return [WHOLE];
    throw error;
  }
}

/** Bytes of a layer's norms and output biases, about: they are the same in all layers. */
function layerBytes(graph: EncoderGraph, { fixed }: { readonly fixed: number }): number {
  const layers = graph.nodes.filter(({ op }) => op === 'attention').length;
  const tables = graph.nodes
    .filter((node) => node.op === 'embedding')
    .flatMap((node) => node.tables.map(({ weight }) => weight));
  const inTables = graph.weights
    .filter(({ name }) => tables.includes(name))
    .reduce(
      (sum, { shape, dtype }) =>
        sum + (shape[0] ?? 0) * ((shape[1] ?? 0) * (dtype === 'f32' ? 4 : 1) + 4),
      0,
    );
  return Math.max(0, (fixed - inTables) / (2 * layers));
}

/** Key of the latency of a report: how many times as fast the original is in its final precision as in f32. */
export const GAIN = 'precisionGain';

async function timeCosts(workshop: Workshop): Promise<Costs> {
  const { teacher, journal, settings } = workshop;
  const { target, latency: given } = settings;
  const where = 'compress: latency';
  // The two measurements together decide the budgets, so a report has both.
  const { [GAIN]: gain } = (given ?? {}) as Readonly<Partial<Record<string, unknown>>>;
  const known = journal.stage('latency', async () => {
    if (given !== null) return LatencyTable.from(given, where).toJSON() as unknown as JsonObject;
    const measured = await tableOf(workshop);
    return JSON.parse(JSON.stringify(measured)) as JsonObject;
  });
  const table = LatencyTable.from(await known, where, { anyMachine: true });
  const shapes = layerShapes(teacher.graph);
  const full = table.predict(shapes);
  const ratio = await journal.stage('precision-speed', async () =>
    typeof gain === 'number' && gain > 0 ? gain : gainOfPrecision(workshop),
  );
  const texts = table.data.lengths.length;
  return {
    full,
    budget: timeBudget(target, full * ratio, texts),
    budgetFor: (speedup) => (full * ratio) / speedup,
    speedupOf: (cost) => (full * ratio) / cost,
    of: (kept) => {
      const own = kept.map((layer) => shapes[layer] as (typeof shapes)[number]);
      return {
        costOf: (part, layer, count) => table.cost(own[layer]?.kind ?? '', part, count),
        fixed: table.fixed(own),
      };
    },
    // Looking up rows takes no time, so a narrower table saves none.
    tables: [WHOLE],
    latency: { ...(table.toJSON() as unknown as JsonObject), [GAIN]: ratio },
  };
}

async function tableOf(workshop: Workshop): Promise<LatencyTable> {
  const { teacher, subject, settings } = workshop;
  const { signal, target } = settings;
  const { graph, program } = teacher;
  const batch = await sampleOf(workshop);
  return program.use('compress', ({ store }) =>
    measureLatency(graph, store, {
      ...{ where: 'compress', signal, batch, seconds: SAMPLE_SECONDS, output: subject.output },
      ...(target.latencyMs !== undefined && { textsPerCall: 1 }),
      activationBits: settings.methods.has('quantize') ? 8 : undefined,
    }),
  );
}

/** Tokens of a sample of the texts; with a latency target texts of the length that it names. */
export async function sampleOf({ teacher, subject, settings }: Workshop) {
  const { tokenizer, graph } = teacher;
  const { tokens: wanted, latencyMs } = settings.target;
  if (latencyMs !== undefined && wanted !== undefined) {
    const length = Math.min(wanted, graph.maxTokens);
    const count = Math.max(1, Math.floor(SAMPLE_TOKENS / 8 / length));
    const ids = Int32Array.from({ length: count * length }, (_, i) => 1 + (i % 100));
    const offsets = Int32Array.from({ length: count + 1 }, (_, i) => i * length);
    return { ids, offsets, segments: null };
  }
  const step = Math.max(1, Math.floor(subject.inputs.length / SAMPLE_TEXTS));
  const texts = subject.inputs.filter((_, i) => i % step === 0).slice(0, SAMPLE_TEXTS);
  const options = { maxTokens: graph.maxTokens, truncate: true, where: 'compress' };
  return trimSegments(graph, await tokenizer.encode(texts, options));
}

/** How many times as fast the original is in its final arithmetic as in f32. */
export async function gainOfPrecision(workshop: Workshop): Promise<number> {
  const { teacher, subject, settings } = workshop;
  if (!settings.methods.has('quantize')) return 1;
  const { signal } = settings;
  const { quantizeModel } = await import('../../compress/quantize-model.js');
  const small = await teacher.program.use('compress', (program) =>
    quantizeModel(teacher, program, { ...(signal && { signal }) }),
  );
  try {
    const { output } = subject;
    const contestants = [
      { name: 'f32', parts: teacher, output },
      { name: 'int8', parts: small, output },
    ];
    const [f32, int8] = await measureSpeeds('compress', contestants, subject.inputs, signal);
    return (int8?.tokensPerSecond ?? 1) / (f32?.tokensPerSecond ?? 1);
  } finally {
    await small.program.retire();
  }
}
