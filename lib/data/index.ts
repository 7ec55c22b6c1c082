/**
 * Everything of lib/data that other layers use.
 *
 * The rule: rows are plain values; only the readers and writeRows touch files.
 */

export { SeededRandom, shuffled } from '../core/random.js';
export type { QuestionRow } from './answer-rows.js';
export { type Audit, Auditor, type AuditRow } from './audit.js';
export { type BadRowKind, type BadRows, describeBadRows, describeKind } from './bad-rows.js';
export { decodeBytes, decodeFile } from './decode.js';
export type { EmbeddingFileRow } from './embedding-rows.js';
export { encodingName } from './encodings.js';
export { type Fold, type FoldOptions, type Folds, foldRows } from './folds.js';
export type { GroupBy } from './groups.js';
export {
  describeVariants,
  knownSpelling,
  type LabelSpelling,
  type LabelVariants,
  labelVariants,
  showLabels,
} from './label-variants.js';
export { readLines } from './lines.js';
export type { LabelListRow, WordTagsRow } from './list-rows.js';
export { DATA_FORMATS, dataFormatOf } from './open-records.js';
export { readColumns } from './read-columns.js';
export {
  allOf,
  readAllRows,
  readEmbeddingRows,
  readLabelListRows,
  readQuestionRows,
  readRerankingRows,
  readRows,
  readWordTagsRows,
} from './read-rows.js';
export type { RerankingFileRow } from './reranking-rows.js';
export {
  type AnyRow,
  checkLabels,
  collectLabels,
  type Split,
  type SplitOptions,
  splitRows,
} from './rows.js';
export { splitLabelLists } from './split-label-lists.js';
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
  WriteFormat,
} from './types.js';
export {
  csvField,
  fileStart,
  formatOf,
  formatRows,
  type OutputRow,
  type OutputValue,
  type SpreadsheetOptions,
  type WriteOptions,
  withoutFormula,
  writeRows,
} from './write-rows.js';
