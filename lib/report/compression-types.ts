/**
 * The data of a report of a compression, which is also its JSON form: `report.json` is this object.
 *
 * The rule: plain values in base units (bytes, seconds, shares from 0 to 1). `format` grows when a field changes its meaning or goes; new
 * fields may come at any time. Numbers that are not finite are null in JSON.
 */

import type { GateVerdict } from '../compress/gate.js';
import type { Interval, ReliabilityBin } from '../metrics/index.js';
import type { ReportEnvironment } from './types.js';

/** A form of the model, or the original in another engine, with what was measured of it on one machine. */
export interface CompressionVariant {
  /** "3 of 6 layers, int8", "ONNX Runtime int8". */
  readonly name: string;
  /** `original`, the `chosen` form, another `candidate` of the search, or a `peer`: another engine. */
  readonly role: 'original' | 'chosen' | 'candidate' | 'peer';
  /** "f32", "int8". */
  readonly precision?: string;
  /** Of the weights on disk. */
  readonly bytes?: number;
  readonly tokensPerSecond?: number;
  /** For one short text: median and 95th percentile. */
  readonly latencyMs?: { readonly p50: number; readonly p95?: number };
  /** The score of the gate's metric on the held-out rows. */
  readonly score?: number;
  readonly interval?: Interval;
  /** Share of the rows with the original's label. */
  readonly agreement?: number;
  /** Whether no other variant is smaller, faster and better at once. */
  readonly isOnFront?: boolean;
}

/** A row whose answer is not the original's. */
export interface ChangedRow {
  readonly text: string;
  readonly truth: string;
  readonly original: { readonly answer: string; readonly score: number };
  readonly candidate: { readonly answer: string; readonly score: number };
}

/** What it costs to compress one layer alone. */
export interface LayerSensitivity {
  readonly name: string;
  /** The score lost, in shares; negative where it grew. */
  readonly drop: number;
  /** Signal to quantization noise at the layer's output, in decibels. */
  readonly sqnrDb?: number;
  /** What the search made of it: "int8", "kept in f32". */
  readonly decision?: string;
}

/** What is left of one layer. */
export interface LayerWidths {
  readonly name: string;
  readonly heads?: { readonly original: number; readonly kept: number };
  readonly neurons?: { readonly original: number; readonly kept: number };
}

/** What became of a product where low rank was a method. */
export interface ProductRank {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Columns between the two products that it became; null: it is whole. */
  readonly rank: number | null;
  /** Share of the squares of its outputs on the texts that is lost (of its weights, without texts), from 0 to 1. */
  readonly lost: number;
  /** What the two take as a share of the one, time or bytes; the least that was found where it is whole; null: none was tried. */
  readonly share: number | null;
  /** "two products, faster", "whole: two are not faster". */
  readonly decision: string;
}

/** Numbers before and after in the same bins of one width. */
export interface HistogramPair {
  readonly name: string;
  readonly kind: 'weight' | 'activation';
  readonly low: number;
  readonly high: number;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** A step of the compression. */
export interface CompressionStage {
  readonly name: string;
  readonly seconds: number;
  /** What came of it. */
  readonly detail?: string;
}

/** Rows that were used. */
export interface CompressionData {
  /** "held out", "calibration", "training". */
  readonly use: string;
  readonly rows: number;
  /** A file's name, or where the rows came from. */
  readonly source?: string;
  /** Of the rows, so that the same can be told again. */
  readonly sha256?: string;
}

export interface CompressionReportData {
  /** Version of this form. */
  readonly format: 1;
  readonly title: string;
  readonly subtitle?: string;
  readonly variants: readonly CompressionVariant[];
  readonly verdict: GateVerdict;
  /** What was chosen and why, in paragraphs of plain text. */
  readonly choices?: readonly string[];
  /** Rows whose answer changed, at most 50 are shown; `total` counts all of them. */
  readonly changed?: { readonly rows: readonly ChangedRow[]; readonly total: number };
  /** Reliability before and after. */
  readonly reliability?: {
    readonly original: readonly ReliabilityBin[];
    readonly candidate: readonly ReliabilityBin[];
  };
  readonly sensitivity?: readonly LayerSensitivity[];
  readonly widths?: readonly LayerWidths[];
  /** The products of a model of low rank. */
  readonly ranks?: readonly ProductRank[];
  readonly histograms?: readonly HistogramPair[];
  readonly stages?: readonly CompressionStage[];
  readonly data?: readonly CompressionData[];
  readonly environment?: ReportEnvironment;
}
