/** The last stage of a compression: int8, but for the products that cost more of the score than the gate allows. */

import { type PrecisionState, searchPrecision } from '../../compress/mixed-precision.js';
import { quantizeModel } from '../../compress/quantize-model.js';
import { productSensitivities } from '../../compress/sensitivity.js';
import type { JsonObject } from '../../core/json.js';
import type { LayerSensitivity } from '../../report/compression-types.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { Workshop } from './candidates.js';
import type { Subject } from './subject.js';

/** What the stage decided. */
export interface PrecisionChoice {
  /** Products that stay f32. */
  readonly excluded: readonly string[];
  readonly steps: PrecisionState['steps'];
  /** Whether no product was looked at alone, because the time was over. */
  readonly isUnsearched: boolean;
  /** Score on the rows for the choice, in f32 and as it is. */
  readonly before: number;
  readonly after: number;
  /** What each product costs as int8, one at a time. */
  readonly sensitivity: readonly LayerSensitivity[];
}

/** How much of the score int8 may take by itself, of what may be lost in all. */
const SHARE = 0.3;

/** Scores on the rows for the choice: of the original, and of the form that becomes int8. */
export interface ScoresBefore {
  readonly original: number;
  readonly form: number;
}

/**
 * Whether int8 with this score takes no more than its share. A form may have learned to be better than the original; what it is better by
 * counts for nothing in the verdict, so no product stays f32 for it.
 */
export function isWithinShare(score: number, before: ScoresBefore, maxDrop: number): boolean {
  return Math.min(before.original, before.form) - score <= SHARE * maxDrop;
}

/** Texts by which products are ranked. */
const RANKING_TEXTS = 256;

/** What the stage keeps in the journal. */
interface Search {
  readonly exclude: readonly string[];
  readonly steps: PrecisionState['steps'];
  readonly sensitivity: readonly LayerSensitivity[];
}

async function sensitivityOf(
  parts: ModelParts,
  subject: Subject,
  kept: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly LayerSensitivity[]> {
  const texts = subject.inputs.slice(0, RANKING_TEXTS);
  const score = async (candidate: ModelParts) =>
    (await subject.measure(candidate, 'choice', signal)).scoreOf();
  const { products } = await parts.program.use('compress', (program) =>
    productSensitivities('compress', parts, program, texts, { score, ...(signal && { signal }) }),
  );
  return products.map(({ name, scoreChange, sqnr }) => ({
    name,
    drop: -(scoreChange ?? 0),
    ...(Number.isFinite(sqnr) && { sqnrDb: sqnr }),
    decision: kept.includes(name) ? 'kept in f32' : 'int8',
  }));
}

/** The model in int8; the one given stays usable. `isOver`: without a search for the products that have to stay f32. */
export async function quantized(
  workshop: Workshop,
  parts: ModelParts,
  scores: ScoresBefore,
  isOver: boolean,
): Promise<{ readonly parts: ModelParts; readonly choice: PrecisionChoice }> {
  const { subject, journal, settings } = workshop;
  const { signal, maxDrop } = settings;
  const before = scores.form;
  if (isOver) return quantizedAtOnce(workshop, parts, before);
  const found = (await journal.stage('precision', async () => {
    const search = await parts.program.use('compress', (program) =>
      searchPrecision('compress', parts, program, {
        texts: subject.inputs.slice(0, RANKING_TEXTS),
        gate: async (candidate) => {
          const score = (await subject.measure(candidate, 'choice', signal)).scoreOf();
          return { score, passes: isWithinShare(score, scores, maxDrop) };
        },
        ...(signal && { signal }),
      }),
    );
    const sensitivity = await sensitivityOf(parts, subject, search.exclude, signal);
    return JSON.parse(JSON.stringify({ ...search, sensitivity })) as JsonObject;
  })) as unknown as Search;
  const { exclude: excluded, steps, sensitivity } = found;
  const small = await parts.program.use('compress', (program) =>
    quantizeModel(parts, program, { exclude: excluded, ...(signal && { signal }) }),
  );
  const after = (await subject.measure(small, 'choice', signal)).scoreOf();
  const choice = { excluded, steps, before, after, sensitivity, isUnsearched: false };
  return { parts: small, choice };
}

/** All products int8. */
async function quantizedAtOnce({ subject, settings }: Workshop, parts: ModelParts, before: number) {
  const { signal } = settings;
  const small = await parts.program.use('compress', (program) =>
    quantizeModel(parts, program, { ...(signal && { signal }) }),
  );
  const after = (await subject.measure(small, 'choice', signal)).scoreOf();
  const nothing = { excluded: [], steps: [], sensitivity: [], isUnsearched: true };
  return { parts: small, choice: { ...nothing, before, after } };
}
