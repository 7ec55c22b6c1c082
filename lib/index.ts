/**
 * The public API and nothing else.
 *
 * What is not exported here may change at any time.
 */

export type { QuantizationReport } from './compress/quantize.js';
export {
  ERROR_CODES,
  type ErrorDetails,
  SinterError,
  type SinterErrorCode,
} from './core/errors.js';
export { Matrix } from './core/matrix.js';
export { type LabelSpelling, type LabelVariants, labelVariants } from './data/label-variants.js';
export { readAllRows, readRows } from './data/read-rows.js';
export { checkLabels, collectLabels, splitRows } from './data/rows.js';
export type { FileRow, ReadOptions, TextRow } from './data/types.js';
export type { BlockOptions, OnnxPrecision } from './formats/onnx/onnx-options.js';
export type { ClassificationProblem, SentenceModule, Task } from './graph/checkpoint.js';
export type { ActivationBits, PoolKind } from './graph/types.js';
export { type DownloadOptions, type DownloadProgress, downloadModel } from './hub/index.js';
export * from './metrics/index.js';
export type { AnswerRow } from './models/answer-rows.js';
export type { Answer } from './models/answer-spans.js';
export type { CalibrationOptions } from './models/calibrate.js';
export {
  Classifier,
  type ClassifierEvaluateOptions,
  type ClassifierLoadOptions,
  type ClassifierTrainOptions,
  type ClassifyOptions,
  type LogitsOptions,
} from './models/classifier.js';
export type { Rows } from './models/collect-rows.js';
export {
  CrossEncoder,
  type CrossEncoderLoadOptions,
  type CrossEncoderTrainOptions,
  type PairEvaluation,
  type PairScores,
  type Ranked,
  type RankOptions,
  type ScoredPair,
  type ScoreOptions,
} from './models/cross-encoder.js';
export {
  type ClassifierOptions,
  type EmbedOptions,
  Encoder,
  type EncoderBatchOptions,
  type EncoderLoadOptions,
} from './models/encoder.js';
export type { Aggregation, Entity } from './models/entities.js';
export type { OnnxFolderOptions, OnnxVariant } from './models/export-folder.js';
export type { OnnxExportOptions, OnnxFileOptions } from './models/export-model.js';
export {
  type Candidate,
  type FillOptions,
  type MaskEvaluateOptions,
  type MaskEvaluation,
  MaskedLM,
  type MaskedLMLoadOptions,
  type MaskScores,
  type MaskTrainOptions,
  type PlainRow,
} from './models/masked-lm.js';
export type { ModelInfo } from './models/model-info.js';
export {
  type OnnxLoadOptions,
  OnnxModel,
  type OnnxReport,
  type RunTokensOptions,
} from './models/onnx-model.js';
export type { HeadLoadOptions, LoadOptions, PredictOptions } from './models/predict-options.js';
export type { EvaluationOf, PredictionOf, ScoresOf } from './models/problems/index.js';
export type {
  MultiLabelEvaluation,
  MultiLabelPrediction,
  MultiLabelRow,
  MultiLabelRows,
  MultiLabelScores,
} from './models/problems/multi-label.js';
export type {
  ValueEvaluation,
  ValuePrediction,
  ValueRow,
  ValueRows,
  ValueScores,
} from './models/problems/regression.js';
export type {
  Evaluation,
  LabelledRow,
  LabelledRows,
  Prediction,
} from './models/problems/single-label.js';
export type { QuantizeOptions } from './models/quantize-model.js';
export {
  type AnswerOptions,
  QuestionAnswerer,
  type QuestionAnswererLoadOptions,
  type QuestionEvaluateOptions,
  type QuestionEvaluation,
  type QuestionScores,
  type QuestionTrainOptions,
} from './models/question-answerer.js';
export type { SaveOptions } from './models/save-model.js';
export { type Neighbour, nearest, similarity } from './models/similarity.js';
export type { TaggedRow } from './models/tagged-rows.js';
export {
  type TagEvaluation,
  type TagOptions,
  type TagScores,
  TokenClassifier,
  type TokenClassifierLoadOptions,
  type TokenTrainOptions,
} from './models/token-classifier.js';
export type { EvaluateOptions, ModelTrainOptions } from './models/trainable-model.js';
export type { WindowedOptions } from './models/windowed-logits.js';
export type { BatcherMetrics, Percentiles } from './serve/batch-metrics.js';
export type { BatchOptions, Priority, RunOptions } from './serve/batch-options.js';
export type { Batcher } from './serve/batcher.js';
export type { TextInput, TokensWithOffsets } from './tokenize/text-tokenizer.js';
export type { TrainOptions } from './train/train-options.js';
export type {
  EpochProgress,
  EpochRecord,
  EvalScores,
  StepProgress,
  StepRecord,
  TrainReport,
} from './train/train-report.js';
