/**
 * The exports of lib/metrics for other layers.
 *
 * The rule: functions take (truth, predicted) in this order, return plain values, and know no files or models.
 */
export {
  accuracyBootstrap,
  type PairedComparison,
  type PairedCounts,
  type ScoreWithInterval,
} from './accuracy-bootstrap.js';
export { type AnswerScores, answerF1, answerScores, exactMatch } from './answers.js';
export {
  type CoveragePoint,
  calibrationError,
  coverageCurve,
  type ReliabilityBin,
  reliability,
} from './calibration.js';
export {
  accuracy,
  averagedScores,
  binaryScores,
  type LabelScoreOptions,
  type LabelScores,
  scoresPerLabel,
} from './classification.js';
export {
  type ClassificationReport,
  classificationReport,
  multilabelReport,
  type ReportDict,
  type ReportOptions,
  type ReportRow,
  reportToDict,
  reportToText,
} from './classification-report.js';
export {
  balancedAccuracy,
  type Confusion,
  type ConfusionMatrix,
  cohenKappa,
  confusionMatrix,
  matthewsCorrelation,
  type Normalize,
  topConfusions,
} from './confusion.js';
export { averageRanks, kendallTauB, pearson, spearman } from './correlation.js';
export type { Average, Scores } from './counts.js';
export {
  type EntityScores,
  type EntitySpan,
  entitiesOf,
  entityScores,
  splitTag,
  type Tags,
} from './entities.js';
export { TAG_SCHEMES, type TagScheme } from './entity-schemes.js';
export { type LabelIssue, labelIssues } from './label-issues.js';
export { compareCodePoints, type Label, sortedLabels } from './labels.js';
export { hammingLoss, type IndicatorRows, sampleScores, subsetAccuracy } from './multilabel.js';
export {
  type PairClassificationScores,
  pairClassification,
  type ThresholdScores,
} from './pair-classification.js';
export {
  type PairedBootstrap,
  type PairedBootstrapOptions,
  pairedBootstrap,
  type SampleScore,
} from './paired-bootstrap.js';
export {
  type McNemarTest,
  mcnemar,
  type PairedDesign,
  resolvableDrop,
  rowsToResolve,
} from './paired-tests.js';
export { type Interval, wilson } from './proportions.js';
export {
  maxError,
  meanAbsoluteError,
  meanSquaredError,
  medianAbsoluteError,
  type Numbers,
  r2Score,
  rootMeanSquaredError,
} from './regression.js';
export {
  averagePrecisionAt,
  ndcg,
  type RankedQuery,
  type RetrievalScores,
  reciprocalRank,
  retrievalScores,
} from './retrieval.js';
export { f1Of, meanOf, spearmanOf } from './sample-scores.js';
