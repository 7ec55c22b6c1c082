/**
 * Everything of lib/data that other layers use.
 *
 * The rule: rows are plain values; only readRows, readAllRows and writeRows touch files.
 */

export { SeededRandom, shuffled } from '../core/random.js';
export { decodeBytes, decodeFile } from './decode.js';
export { readJsonObjects } from './json-lines.js';
export { type LabelListOptions, readLabelLists } from './label-lists.js';
export {
  describeVariants,
  knownSpelling,
  type LabelSpelling,
  type LabelVariants,
  labelVariants,
  showLabels,
} from './label-variants.js';
export { readLines } from './lines.js';
export { formatOf, readAllRows, readRows } from './read-rows.js';
export { type AnyRow, checkLabels, collectLabels, type SplitOptions, splitRows } from './rows.js';
export type {
  ChosenColumn,
  ChosenColumns,
  ColumnRef,
  DataFormat,
  FileRow,
  ReadOptions,
  TextRow,
} from './types.js';
export {
  csvField,
  formatRows,
  type OutputRow,
  type OutputValue,
  type WriteOptions,
  withoutFormula,
  writeRows,
} from './write-rows.js';
