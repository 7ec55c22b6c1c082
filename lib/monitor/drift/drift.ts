/**
 * Whether the texts that a model is served still are like its training rows: one verdict per quantity, with its numbers.
 *
 * The rule: no verdict where chance could explain the number; then the rows that are missing are named.
 */
import type { Baseline, EmbeddingBaseline } from './baseline.js';
import { DriftWindow, type WindowSums } from './drift-window.js';
import { QUANTITIES, type Quantity } from './quantities.js';
import { PSI_ALERT, PSI_WARNING, psiByChance, rowsNeeded, stabilityIndex } from './stability.js';

/** `unknown`: too few rows for a verdict. */
export type DriftLevel = 'unknown' | 'ok' | 'warning' | 'alert';

/** How one quantity differs from the baseline. */
export interface QuantityDrift {
  readonly quantity: Quantity | 'centroid';
  readonly level: DriftLevel;
  /** The population stability index; for `centroid` its shift, see `CENTROID_WARNING`. Null without rows. */
  readonly value: number | null;
  /** What chance gives once in a thousand times (for the shift: on average), with as many rows. Null without rows. */
  readonly byChance: number | null;
  /** Rows of the window that have the quantity. */
  readonly rows: number;
  /** Rows from which there is a verdict; null where the baseline has too few rows for any. */
  readonly neededRows: number | null;
}

/** The drift of one model. */
export interface DriftStatus {
  readonly model: string;
  /** The worst of the quantities; `unknown` where none has a verdict. */
  readonly level: DriftLevel;
  readonly rows: number;
  /** When the oldest row of the window came, as an ISO date; null without rows. */
  readonly since: string | null;
  readonly baselineRows: number;
  readonly quantities: readonly QuantityDrift[];
}

/**
 * The centroid's shift: the cosine distance between the mean vector of the window and that of the baseline, less what chance gives
 * for means of as many rows, in units of the mean distance of a training row from their mean vector. It grows with the square of
 * the share of other texts: news among the questions of Banking77 make 0.013 at 20 %, 0.035 at 30 %, 0.16 at 50 %.
 */
export const CENTROID_WARNING = 0.02;
export const CENTROID_ALERT = 0.1;

/** Rows of the window. Default of `DriftMonitor`. */
const WINDOW_ROWS = 2000;

const LEVELS: readonly DriftLevel[] = ['unknown', 'ok', 'warning', 'alert'];

/** The worst of several levels. */
export function worstLevel(levels: readonly DriftLevel[]): DriftLevel {
  const most = levels.reduce((worst, level) => Math.max(worst, LEVELS.indexOf(level)), 0);
  return LEVELS[most] ?? 'unknown';
}

/** Watches one model. */
export class DriftMonitor {
  private readonly window: DriftWindow;

  /** `rows`: results that the window holds. */
  constructor(
    readonly model: string,
    readonly baseline: Baseline,
    rows = WINDOW_ROWS,
  ) {
    this.window = new DriftWindow(baseline, rows);
  }

  get add(): DriftWindow['add'] {
    return this.window.add.bind(this.window);
  }

  get addMore(): DriftWindow['addMore'] {
    return this.window.addMore.bind(this.window);
  }

  status(): DriftStatus {
    const { baseline } = this;
    const sums = this.window.sums();
    const quantities = QUANTITIES.flatMap((name) => quantityDrift(name, baseline, sums));
    if (baseline.embedding !== null) quantities.push(centroidDrift(baseline.embedding, sums));
    return {
      model: this.model,
      level: worstLevel(quantities.map(({ level }) => level)),
      rows: sums.rows,
      since: sums.begin === null ? null : new Date(sums.begin).toISOString(),
      baselineRows: baseline.rows,
      quantities,
    };
  }
}

const total = (counts: ArrayLike<number>) => Array.from(counts).reduce((sum, one) => sum + one, 0);

function quantityDrift(
  quantity: Quantity,
  { quantities }: Baseline,
  { counts }: WindowSums,
): QuantityDrift[] {
  const bins = quantities[quantity];
  const actual = counts.get(quantity);
  // One bin holds everything, whatever the texts are.
  if (bins === undefined || actual === undefined || bins.counts.length < 2) return [];
  const [rows, size] = [total(actual), bins.counts.length];
  const expectedRows = total(bins.counts);
  const neededRows = rowsNeeded(size, expectedRows);
  if (rows === 0) {
    return [{ quantity, level: 'unknown', value: null, byChance: null, rows, neededRows }];
  }
  const value = stabilityIndex(actual, bins.counts);
  const byChance = psiByChance(size, rows, expectedRows);
  const isEnough = neededRows !== null && rows >= neededRows;
  const level = isEnough ? levelOf(value, PSI_WARNING, PSI_ALERT) : 'unknown';
  return [{ quantity, level, value, byChance, rows, neededRows }];
}

function levelOf(value: number, warning: number, alert: number): DriftLevel {
  if (value >= alert) return 'alert';
  return value >= warning ? 'warning' : 'ok';
}

/** Chance may make at most this share of CENTROID_WARNING. */
const CENTROID_NOISE = 0.5;

function centroidDrift(
  { centroid, meanDistance, trace, rows: baselineRows }: EmbeddingBaseline,
  { vectors }: WindowSums,
): QuantityDrift {
  const quantity = 'centroid';
  const rows = vectors?.count ?? 0;
  const squares = centroid.reduce((sum, value) => sum + value * value, 0);
  // Means of n rows differ by trace / n in the square; of that, the part across the mean makes the angle.
  const chance = (n: number) =>
    (trace * (1 / n + 1 / baselineRows)) / (2 * squares * Math.max(meanDistance, 1e-9));
  const rest = (CENTROID_NOISE * CENTROID_WARNING) / chance(Number.POSITIVE_INFINITY);
  const neededRows = rest > 1 ? Math.ceil(baselineRows / (rest - 1)) : null;
  if (vectors === null || rows === 0) {
    return { quantity, level: 'unknown', value: null, byChance: null, rows, neededRows };
  }
  const mean = vectors.mean();
  const inner = centroid.reduce((sum, value, i) => sum + value * (mean[i] ?? 0), 0);
  const cosine = inner / Math.sqrt(squares * mean.reduce((sum, value) => sum + value * value, 0));
  const byChance = chance(rows);
  const value = Math.max(0, (1 - cosine) / Math.max(meanDistance, 1e-9) - byChance);
  const isEnough = neededRows !== null && rows >= neededRows;
  const level = isEnough ? levelOf(value, CENTROID_WARNING, CENTROID_ALERT) : 'unknown';
  return { quantity, level, value, byChance, rows, neededRows };
}
