/**
 * The exports of lib/report for other layers.
 *
 * The rule: data in, text out; the caller decides where the text is written.
 */
export type { ChartOptions, ChartTheme } from './chart.js';
export type {
  ChangedRow,
  CompressionData,
  CompressionReportData,
  CompressionStage,
  CompressionVariant,
  HistogramPair,
  LayerSensitivity,
  LayerWidths,
  ProductRank,
} from './compression-types.js';
export { confusionSvg } from './confusion-chart.js';
export { histogramSvg, sensitivitySvg, widthsSvg } from './layer-charts.js';
export { learningRateSvg } from './learning-rate-chart.js';
export { lossCurveSvg } from './loss-chart.js';
export { html, type Markup } from './markup.js';
export { type Page, renderPage } from './page.js';
export { paretoSvg } from './pareto-chart.js';
export { reliabilitySvg } from './reliability-chart.js';
export { compressionReportJson, renderCompressionReport } from './render-compression.js';
export { renderReport } from './render-report.js';
export { runLossSvg } from './run-sections.js';
export { summaryOf } from './summary.js';
export { type Column, figure, type Section, shown, table } from './tables.js';
export { type TimeChart, type TimeLine, timeSvg } from './time-chart.js';
export type {
  CalibrationData,
  ConfusionData,
  Evaluation,
  LabelIssues,
  LossCurve,
  LossStep,
  Mistake,
  NeighbourExample,
  ReportData,
  ReportEnvironment,
  RunData,
  SummaryCard,
  VariantResult,
  WorstRow,
} from './types.js';
export { variantsSvg } from './variants-chart.js';
