/**
 * The public API and nothing else.
 *
 * What is not exported here may change at any time.
 */

export type { BatcherMetrics, Percentiles, SizeCounts } from './batching/batch-metrics.js';
export type { BatchOptions, RunOptions } from './batching/batch-options.js';
export type { Batcher } from './batching/batcher.js';
export type { RunFacts, WithFacts } from './batching/run-facts.js';
export type { CalibrationMethod, CalibrationOptions } from './checkpoint/calibrate.js';
export type { OnnxFolderOptions, OnnxVariant } from './checkpoint/export-folder.js';
export type { OnnxExportOptions, OnnxFileOptions } from './checkpoint/export-model.js';
export type { HeadLoadOptions, LoadOptions } from './checkpoint/load-options.js';
export type { Verification } from './checkpoint/onnx/verify-onnx.js';
export type { SaveOptions } from './checkpoint/save-model.js';
export type { GateVerdict } from './compress/gate.js';
export type { CalibrationChange, ClassChange, ScoreChange } from './compress/gate-classes.js';
export type {
  PrecisionSearch,
  PrecisionSearchOptions,
  PrecisionState,
  PrecisionStep,
  PrecisionVerdict,
} from './compress/mixed-precision.js';
export type { DivergenceMeasure } from './compress/output-divergence.js';
export type { PruneVocabularyOptions, VocabularyReport } from './compress/prune-vocabulary.js';
export type { QuantizeOptions, QuantizeTarget } from './compress/quantize-model.js';
export type {
  ProductSensitivity,
  Sensitivity,
  SensitivityOptions,
} from './compress/sensitivity.js';
export type { Texts } from './compress/vocabulary-corpus.js';
export {
  readTrainConfig,
  type TrainConfig,
  type TrainConfigOptions,
} from './config/index.js';
export {
  ERROR_CODES,
  type ErrorDetails,
  SinterError,
  type SinterErrorCode,
} from './core/errors.js';
export type { JsonObject, JsonValue } from './core/json.js';
export { Matrix } from './core/matrix.js';
export type { Priority } from './core/priority.js';
export type { QuestionRow } from './data/answer-rows.js';
export type { BadRowKind, BadRows } from './data/bad-rows.js';
export type { EmbeddingFileRow } from './data/embedding-rows.js';
export { type Fold, type FoldOptions, type Folds, foldRows } from './data/folds.js';
export type { GroupBy } from './data/groups.js';
export { type LabelSpelling, type LabelVariants, labelVariants } from './data/label-variants.js';
export type { LabelListRow, WordTagsRow } from './data/list-rows.js';
export {
  readAllRows,
  readEmbeddingRows,
  readLabelListRows,
  readQuestionRows,
  readRerankingRows,
  readRows,
  readWordTagsRows,
} from './data/read-rows.js';
export type { RerankingFileRow } from './data/reranking-rows.js';
export {
  type AnyRow,
  checkLabels,
  collectLabels,
  type Split,
  type SplitOptions,
  splitRows,
} from './data/rows.js';
export type {
  ChosenColumn,
  ChosenColumns,
  ColumnRef,
  DataFormat,
  DataSource,
  FileDelimiter,
  FileEncoding,
  FileRow,
  ReadOptions,
  TextRow,
} from './data/types.js';
export type { AppliedRule } from './formats/onnx/import/index.js';
export type { BlockOptions, OnnxPrecision } from './formats/onnx/onnx-options.js';
export type { Opset } from './formats/onnx/opsets.js';
export type {
  BottleneckKind,
  BottleneckOptions,
  Ia3Options,
  LoraOptions,
} from './graph/adapter-options.js';
export type {
  ClassificationProblem,
  SentenceModule,
  SimilarityName,
  Task,
} from './graph/checkpoint.js';
export type { QuantizationReport } from './graph/rewrite/quantization-report.js';
export type { ActivationBits, ActivationKind, OutputName, PoolKind } from './graph/types.js';
export { type DownloadOptions, type DownloadProgress, downloadModel } from './hub/index.js';
export * from './metrics/index.js';
export { type Neighbour, nearest, similarity } from './metrics/similarity.js';
export type {
  AdaptedModel,
  LoadAdapterOptions,
  MergeAdapterOptions,
} from './models/adapted-model.js';
export type {
  AnswerDistillation,
  AnswerDistillOptions,
  AnswerTeacherOptions,
} from './models/answer-distillation.js';
export type { AnswerBatchOptions, AnswerOptions } from './models/answer-options.js';
export type { AnswerRunOptions, Question } from './models/batches/answer-batch.js';
export type { TruncationDirection } from './models/batches/batch-model.js';
export type { EncoderRunOptions, TokensRunOptions } from './models/batches/encoder-batch.js';
export type { ClassifierRunOptions } from './models/batches/label-batch.js';
export type { FillRunOptions } from './models/batches/mask-batch.js';
export type { PairRunOptions } from './models/batches/pair-batch.js';
export type { BatchInput, TokenIds, TruncateOptions } from './models/batches/run-input.js';
export type { TagRunOptions } from './models/batches/tag-batch.js';
export type { ClassScores } from './models/class-scores.js';
export { Classifier } from './models/classifier.js';
export type { ClassifierDistillation } from './models/classifier-distillation.js';
export type {
  ClassifierBatchOptions,
  ClassifierEvaluateOptions,
  ClassifierLoadOptions,
  ClassifierTrainOptions,
  ClassifyOptions,
  LogitsOptions,
  Rejectable,
  Truncated,
} from './models/classifier-options.js';
export type { CompressionEvidence } from './models/compression/evidence.js';
export type {
  CompressMethod,
  CompressOptions,
  CompressTarget,
  LowRankForm,
  LowRankWeighting,
  StudentSizes,
} from './models/compression/options.js';
export type { CompressProgress, CompressStage } from './models/compression/progress.js';
export type { CompressionReport } from './models/compression/report.js';
export type { CompressResult } from './models/compression/run.js';
export {
  CrossEncoder,
  type CrossEncoderEvaluateOptions,
  type CrossEncoderEvaluation,
  type CrossEncoderLoadOptions,
  type CrossEncoderScores,
  type CrossEncoderTrainOptions,
  type PairBatchOptions,
  type PairEvaluation,
  type PairScores,
  type Ranked,
  type RankOptions,
  type ScoreOptions,
} from './models/cross-encoder.js';
export {
  type CrossValidateOptions,
  type CrossValidation,
  crossValidate,
  type FoldResult,
  type FoldScore,
} from './models/cross-validate.js';
export { Encoder } from './models/encoder.js';
export type { EncoderDistillation } from './models/encoder-distillation.js';
export type {
  ClassifierOptions,
  EmbedOptions,
  EmbedTokensOptions,
  EncoderBatchOptions,
  EncoderDistillOptions,
  EncoderLoadOptions,
  EncoderTrainOptions,
} from './models/encoder-options.js';
export {
  evaluateRetrieval,
  type RetrievalData,
  type RetrievalOptions,
} from './models/evaluate-retrieval.js';
export type {
  CalibrationReport,
  CalibrationScores,
  ThresholdReport,
} from './models/fit-classifier.js';
export type { KindSettings } from './models/kind-predictions.js';
export {
  type Candidate,
  type FillBatchOptions,
  type FillOptions,
  type MaskEvaluateOptions,
  type MaskEvaluation,
  MaskedLM,
  type MaskedLMLoadOptions,
  type MaskScores,
  type MaskTrainOptions,
  type PlainRow,
} from './models/masked-lm.js';
export { type MineOptions, mineHardNegatives } from './models/mine-hard-negatives.js';
export type { ModelInfo } from './models/model-info.js';
export {
  type OnnxLoadOptions,
  OnnxModel,
  type OnnxReport,
  type RunTokensOptions,
} from './models/onnx-model.js';
export { measureSensitivity, searchMixedPrecision } from './models/precision.js';
export {
  QuestionAnswerer,
  type QuestionAnswererLoadOptions,
  type QuestionEvaluateOptions,
  type QuestionEvaluation,
  type QuestionScores,
  type QuestionTrainOptions,
} from './models/question-answerer.js';
export type { DecodeOptions, TextModel, TokenizeOptions } from './models/text-model.js';
export {
  type TagBatchOptions,
  type TagEvaluation,
  type TagLossOptions,
  type TagOptions,
  type TagScores,
  TokenClassifier,
  type TokenClassifierLoadOptions,
  type TokenTrainOptions,
} from './models/token-classifier.js';
export type {
  TokenDistillation,
  TokenDistillOptions,
  TokenTeacherOptions,
} from './models/token-distillation.js';
export type { MethodOption, TrainMethod } from './models/train-method.js';
export type {
  EvaluateOptions,
  ModelTrainOptions,
  PrunedVocabulary,
  TrainableModel,
} from './models/trainable-model.js';
export type { AlertRuleOptions } from './monitor/alerts/rules.js';
export type { AlertNotice, WebhookOptions } from './monitor/alerts/webhook.js';
export type { AuditHead } from './monitor/audit/audit-log.js';
export type { AuditOptions } from './monitor/audit/options.js';
export type { AuditVerification, VerifyOptions } from './monitor/audit/verify.js';
export type { Baseline, EmbeddingBaseline } from './monitor/drift/baseline.js';
export type { Bins, NameBins, NumberBins, Quantity } from './monitor/drift/quantities.js';
export type { IsaName } from './native/program.js';
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
} from './report/compression-types.js';
export type { ReportEnvironment } from './report/types.js';
export type { AdapterOption, PredictOptions } from './runtime/predict-options.js';
export type { WindowedOptions } from './runtime/windowed-logits.js';
export type { ShadowCounts } from './server/agreement-counts.js';
export type { CanaryReport } from './server/canary.js';
export type {
  CallFacts,
  ModelInput,
  Outcome,
  RequestRecord,
  ResultRecord,
  ServedInfo,
  ServedTask,
  ServerObserver,
} from './server/contract.js';
export {
  type ApiKeyOptions,
  type CanaryOptions,
  createServer,
  type KeyLimits,
  type LogLevel,
  type ModelCall,
  type ModelKind,
  type ModelSource,
  type ModelsToServe,
  type ReloadReport,
  type ServedBatchOptions,
  type ServedModels,
  type ServerLogger,
  type ServerOptions,
  type ServingOptions,
  type ShadowSource,
  type SinterPluginOptions,
  type SinterServer,
  sinterPlugin,
} from './server/index.js';
export {
  type BaselineOptions,
  type BaselineRow,
  loadBaseline,
  makeBaseline,
  saveBaseline,
  verifyAudit,
} from './server/observe/index.js';
export type { ObserveOptions } from './server/observe/options.js';
export type { EmbeddingLoss } from './tasks/embedding/embedding-losses.js';
export type {
  ClassPairRow,
  ClassRow,
  EmbeddingRow,
  PairRow,
  RankingRow,
} from './tasks/embedding/embedding-rows.js';
export type {
  EmbeddingEvaluation,
  NearestClassEvaluation,
  PairClassificationEvaluation,
  RetrievalEvaluation,
  SimilarityEvaluation,
  TripletEvaluation,
} from './tasks/embedding/evaluate-embeddings.js';
export type { LabelAccuracyEvaluation } from './tasks/embedding/label-accuracy.js';
export type {
  Direction,
  DistanceName,
  EmbeddingLossOptions,
  PartitionMode,
  SimilarityFct,
} from './tasks/embedding/loss-options.js';
export type { EmbeddingTeacher, TaughtText } from './tasks/embedding/taught-texts.js';
export type { AnswerRow } from './tasks/question-answering/answer-rows.js';
export type { Answer } from './tasks/question-answering/answer-spans.js';
export type { RerankingEvaluation, RerankingScores } from './tasks/reranking/evaluate-reranking.js';
export type { RankWeighting, RerankingOptions } from './tasks/reranking/loss-options.js';
export type { CrossEncoderLoss } from './tasks/reranking/reranking-losses.js';
export type {
  CrossEncoderRow,
  PassageRow,
  QueryRow,
  RankedRow,
  ScoredPair,
} from './tasks/reranking/reranking-rows.js';
export type { LabelWeights } from './tasks/text-classification/label-weights.js';
export type {
  ClassifierLoss,
  ClassifierLossOptions,
  Teacher,
} from './tasks/text-classification/loss-options.js';
export type {
  MultiLabelEvaluation,
  MultiLabelPrediction,
  MultiLabelRow,
  MultiLabelRows,
  MultiLabelScores,
} from './tasks/text-classification/multi-label.js';
export type {
  EvaluationOf,
  PredictionOf,
  ProblemTypes,
  RowOf,
  ScoresOf,
} from './tasks/text-classification/problems.js';
export type {
  ValueEvaluation,
  ValuePrediction,
  ValueRow,
  ValueRows,
  ValueScores,
} from './tasks/text-classification/regression.js';
export type {
  Evaluation,
  LabelledRow,
  LabelledRows,
  Prediction,
  TaughtRow,
} from './tasks/text-classification/single-label.js';
export type { LabelScore, TopLabels } from './tasks/text-classification/top-labels.js';
export type { Aggregation, Entity, EntityName } from './tasks/token-classification/entities.js';
export type { TaggedRow } from './tasks/token-classification/tagged-rows.js';
export type { TextInput, TextPair, TokensWithOffsets } from './tokenize/text-tokenizer.js';
export type { BestScore } from './train/best-score.js';
export type { CheckpointOptions } from './train/checkpoint-options.js';
export type { Rows } from './train/collect-rows.js';
export type {
  EmbeddingDistillation,
  HiddenStatePair,
  InnerDistillation,
  RelationKind,
  RelationOptions,
} from './train/distillation-options.js';
export type { EvalOptions } from './train/eval-options.js';
export type { FewShotOptions, SamplingStrategy } from './train/few-shot-options.js';
export type { LogOptions } from './train/log-options.js';
export { repeatedRows } from './train/repeated-rows.js';
export type { ScheduleKind, ScheduleOptions } from './train/schedule.js';
export type { StreamOptions } from './train/stream-options.js';
export type { TrainAdvice, TrainAdviceCode } from './train/train-advice.js';
export type { OptimizerKind, TrainOptions } from './train/train-options.js';
export type {
  Divergence,
  EmbeddingPhase,
  EpochProgress,
  EpochRecord,
  EvalScores,
  EvaluationRecord,
  StepProgress,
  StepRecord,
  TrainPhase,
  TrainReport,
} from './train/train-report.js';
export {
  type CollectOptions,
  type CollectReport,
  collect,
  createQueueWorker,
  type EnqueueOptions,
  type EnqueueReport,
  enqueueFile,
  type FileSpan,
  type FinishedJob,
  type JobReadOptions,
  type JobSettings,
  type QueueOptions,
  type QueueWorker,
  type QueueWorkerCounts,
  type QueueWorkerOptions,
  type RangeJob,
  type RangeResult,
  type TextsJob,
  type TextsResult,
} from './worker/index.js';
