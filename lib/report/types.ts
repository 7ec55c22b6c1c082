/**
 * The data of a report. Every section is optional; sections without data are left out of the page.
 *
 * The rule: plain values in base units (bytes, tokens per second, shares from 0 to 1); the report formats them.
 */
import type { ClassificationReport, ReliabilityBin } from '../metrics/index.js';

/** A figure at the top of the page. */
export interface SummaryCard {
  readonly label: string;
  readonly value: string;
  /** A smaller line under the value, such as a comparison. */
  readonly detail?: string;
}

/** Results of one form of the model, or of the same model in another engine. */
export interface VariantResult {
  /** Name to show: "Sinter int8", "ONNX Runtime f32". */
  readonly name: string;
  /** "f32", "int8": variants of one precision are compared with each other. */
  readonly precision: string;
  /** true: another engine, measured for comparison. Default: false. */
  readonly isPeer?: boolean;
  /** Share of right predictions, 0 to 1. */
  readonly accuracy?: number;
  /** Bytes on disk. */
  readonly bytes?: number;
  readonly tokensPerSecond?: number;
  /** Median time for one short text. */
  readonly latencyMs?: number;
}

export interface LossStep {
  /** 1-based number of the optimizer step. */
  readonly step: number;
  readonly loss: number;
  readonly learningRate?: number;
  /** Norm of the gradients before clipping. */
  readonly gradNorm?: number;
}

export interface Evaluation {
  /** The optimizer step after which the evaluation was made. */
  readonly step: number;
  readonly epoch: number;
  readonly loss?: number;
  /** Share of right predictions, 0 to 1. */
  readonly accuracy?: number;
  /** Other scores by their names. */
  readonly scores?: Readonly<Record<string, number>>;
}

export interface LossCurve {
  readonly steps: readonly LossStep[];
  readonly evaluations?: readonly Evaluation[];
}

export interface ConfusionData {
  readonly labels: readonly string[];
  /** [labels][labels]: number of rows with this truth (first index) and this prediction. */
  readonly values: readonly (readonly number[])[];
}

/** A row that got a wrong label. */
export interface Mistake {
  readonly text: string;
  readonly truth: string;
  readonly predicted: string;
  /** Probability of the wrong label, 0 to 1. */
  readonly score: number;
}

/** A row, how probable its own label is, and the most probable one. Probabilities are from 0 to 1. */
export interface WorstRow {
  readonly text: string;
  readonly truth: string;
  /** Of `truth`. */
  readonly probability: number;
  readonly predicted: string;
  /** Probability of `predicted`. */
  readonly score: number;
  /** Where the row is: a file and a line. */
  readonly place?: string;
}

/** Rows whose label looks wrong, the clearest first. */
export interface LabelIssues {
  readonly rows: readonly WorstRow[];
  /** How many there are; `rows` may be fewer. */
  readonly found: number;
  /** Rows that were looked at. */
  readonly checked: number;
  readonly folds: number;
}

/** Reliability before and after temperature scaling. */
export interface CalibrationData {
  readonly temperature: number;
  readonly before: readonly ReliabilityBin[];
  readonly after: readonly ReliabilityBin[];
}

/** A training, to be shown beside others. */
export interface RunData {
  readonly name: string;
  readonly steps: readonly LossStep[];
  readonly evaluations: readonly Evaluation[];
  /** Step of the best evaluation; left out: the last one counts. */
  readonly best?: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seconds?: number;
  readonly tokensPerSecond?: number;
}

export interface NeighbourExample {
  readonly query: string;
  /** Nearest first; `similarity` is the cosine, -1 to 1. */
  readonly neighbours: readonly { readonly text: string; readonly similarity: number }[];
}

/** The environment in which the figures were measured, as given by the caller. */
export interface ReportEnvironment {
  readonly cpu?: string;
  readonly isa?: string;
  readonly threads?: number;
  readonly memoryBytes?: number;
  readonly versions?: Readonly<Record<string, string>>;
  readonly command?: string;
  readonly seed?: number;
  /** Text to show, such as 2025-03-01 14:05 UTC. */
  readonly date?: string;
}

export interface ReportData {
  readonly title: string;
  readonly subtitle?: string;
  /** Default: computed from `variants`. */
  readonly summary?: readonly SummaryCard[];
  readonly variants?: readonly VariantResult[];
  readonly loss?: LossCurve;
  readonly confusion?: ConfusionData;
  readonly classification?: ClassificationReport;
  /** Scores against the share of predictions that is right. */
  readonly reliability?: readonly ReliabilityBin[];
  /** Takes the place of `reliability`. */
  readonly calibration?: CalibrationData;
  /** Held-out rows with the lowest probability of their label, the lowest first. */
  readonly worst?: readonly WorstRow[];
  readonly labelIssues?: LabelIssues;
  /** Trainings side by side. */
  readonly runs?: readonly RunData[];
  /** Of the rows with a wrong label those whose label was most certain, the worst first. */
  readonly mistakes?: readonly Mistake[];
  readonly neighbours?: readonly NeighbourExample[];
  readonly environment?: ReportEnvironment;
  /** Paragraphs of plain text. */
  readonly notes?: readonly string[];
}
