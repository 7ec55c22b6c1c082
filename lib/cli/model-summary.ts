/**
 * The first lines of `sinter inspect`: what a model is, for folders and ONNX files alike.
 */
import { basename } from 'node:path';
import { formatNumber } from '../core/units.js';
import { type NodeRow, nodeRows } from '../graph/print.js';
import type { EncoderGraph } from '../graph/types.js';
import type { Fact, Page } from './page.js';
import { truncate } from './width.js';

export interface ModelSummary {
  readonly path: string;
  /** The task, and for some models what their logits mean. */
  readonly task: string;
  /** model_type of the family. */
  readonly family: string;
  readonly labels: readonly string[] | null;
  readonly parameters: number;
  /** Size of the weights and their number formats. */
  readonly weights: string;
  /** Size of the vocabulary. */
  readonly vocabulary: number;
  readonly maxTokens: number;
  /** Names of weights that were never trained. */
  readonly untrained: readonly string[];
}

/** Names that are listed before "and n more". */
const SHOWN_NAMES = 20;
const NAME_COLUMNS = 40;

/** Names with commas between them; where there are many, the first ones and how many more there are. */
export function nameList(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).map((name) => truncate(name, NAME_COLUMNS));
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${formatNumber(rest)} more` : shown.join(', ');
}

export function printSummary(page: Page, summary: ModelSummary): void {
  const { path, task, family, labels, parameters, weights, vocabulary, maxTokens } = summary;
  const { untrained } = summary;
  page.wrapped(basename(path) || path, { style: 'heading', keepsWords: true });
  page.facts([
    ['task', `${task} (${family})`],
    ...(labels === null ? [] : [['labels', `${labels.length}: ${nameList(labels)}`] as const]),
    ['parameters', formatNumber(parameters)],
    ['weights', weights],
    ['tokenizer', `${formatNumber(vocabulary)} tokens`],
    ['longest text', `${formatNumber(maxTokens)} tokens`],
    ...(untrained.length === 0
      ? []
      : [['untrained', `${nameList(untrained)}: drawn at random`, 'warning'] as const]),
  ]);
}

/** Further facts below a heading; nothing where there are none. */
export function printDetails(page: Page, facts: readonly Fact[]): void {
  if (facts.length === 0) return;
  page.print('\n');
  page.print('details\n', 'heading');
  page.facts(facts);
}

/** The table of operations. */
export function printOperations(page: Page, graph: EncoderGraph): void {
  const rows = nodeRows(graph).map((row: NodeRow, i) => [
    ...[String(i), row.operation, row.detail, row.value, row.shape, row.weights],
  ]);
  page.print('\n');
  page.table({
    columns: [
      { title: '', align: 'right' },
      { title: 'operation', fit: 'whole' },
      { title: 'detail' },
      { title: 'value', fit: 'cut start' },
      { title: 'shape', fit: 'whole' },
      { title: 'weights', align: 'right' },
    ],
    rows,
  });
}
