/**
 * Names a recovered ONNX graph: the family whose graph computes the same gives config.json and transformers' weight names.
 *
 * Pooling in the file becomes sentence-transformers settings, as if their files lay beside the model.
 */

import { graphConfig, nameByFamily } from '../../architectures/index.js';
import { SinterError } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import {
  type DraftValue,
  type OnnxImport,
  type Recovered,
  type RecoveredWeight,
  STYLES,
} from '../../formats/onnx/import/index.js';
import type {
  ClassificationProblem,
  ModelHead,
  SentenceModule,
  SentenceSettings,
} from '../../graph/checkpoint.js';
import { TASKS } from '../../graph/tasks.js';
import type { ActivationKind, EncoderGraph, PoolKind } from '../../graph/types.js';

export interface NamedOnnx {
  readonly config: JsonObject;
  /** The family's graph, with all outputs. */
  readonly graph: EncoderGraph;
  /** Location of each weight's numbers, by weight name. */
  readonly sources: ReadonlyMap<string, RecoveredWeight>;
  readonly head: ModelHead;
  /** Pooling in the file; null when it has none. */
  readonly sentence: Pick<SentenceSettings, 'pooling' | 'modules'> | null;
  /** Differences from each family when none fits, one per line. config.json then carries the graph. */
  readonly why: readonly string[];
}

export function nameOnnx(imported: OnnxImport, stated: JsonObject): NamedOnnx {
  const base = withLabels(imported, stated);
  const head = headOf(imported.recovered, base);
  const spell = (config: JsonObject) => ({ ...config, ...pick(base, LABEL_KEYS) });
  const why: string[] = [];
  const spoken = new Map<string, RecoveredWeight>();
  const sentence = sentenceOf(imported, spoken);
  for (const style of STYLES) {
    why.length = 0;
    const { graph, sources } = imported.graph(style);
    const named = nameByFamily(graph, withLength(base, imported.recovered), head, why);
    if (named === null) continue;
    for (const [own, name] of named.names) {
      const source = sources.get(own);
      if (source !== undefined) spoken.set(name, source);
    }
    const config = spell(named.config);
    return { config, graph: named.graph, sources: spoken, head, sentence, why: [] };
  }
  const { graph, sources } = imported.graph(STYLES[0]);
  for (const [name, source] of sources) spoken.set(name, source);
  return {
    config: spell(graphConfig(graph, base, head)),
    graph,
    sources: spoken,
    head,
    sentence,
    why,
  };
}

/** Keys of labels, which the result takes from config.json: those of the recovered graph are made up. */
const LABEL_KEYS = ['id2label', 'label2id', 'num_labels'] as const;

function pick(config: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(config).filter(([key]) => keys.includes(key)));
}

/** Adds the labels that an exported file has in its metadata, where config.json has none. */
function withLabels({ plain }: OnnxImport, base: JsonObject): JsonObject {
  const text = plain.source.metadata.get('labels');
  if (text === undefined || Object.keys(pick(base, LABEL_KEYS)).length > 0) return base;
  try {
    const labels: unknown = JSON.parse(text);
    const isList = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
    return isList ? { ...base, id2label: labels } : base;
  } catch {
    // The metadata key `labels` is another program's.
    return base;
  }
}

/** Adds the length limit to the config: the graph may have none, and then the one of config.json counts. */
function withLength(base: JsonObject, { bounded, maxTokens, seen }: Recovered): JsonObject {
  const known = Number(base.max_position_embeddings ?? Number.POSITIVE_INFINITY);
  if (seen !== null && known > seen) return { ...base, max_position_embeddings: seen };
  return bounded || base.max_position_embeddings !== undefined
    ? base
    : { ...base, max_position_embeddings: maxTokens };
}

function headOf({ head, found }: Recovered, base: JsonObject): ModelHead {
  const width = found.find(({ name }) => name === 'logits')?.value.width ?? 0;
  const task = head ?? 'embedding';
  const named = TASKS[task].labelled;
  const problems = ['single_label_classification', 'multi_label_classification', 'regression'];
  const problem = problems.find((known) => known === base.problem_type) ?? null;
  return {
    task,
    labels: named ? Array.from({ length: width }, (_, i) => `LABEL_${i}`) : null,
    problem: task === 'classification' ? (problem as ClassificationProblem | null) : null,
  };
}

/** Poolings and modules of the file's sentence vector. Adds the weights of modules to `sources`. */
function sentenceOf(
  { path, recovered }: OnnxImport,
  sources: Map<string, RecoveredWeight>,
): NamedOnnx['sentence'] {
  const found = recovered.found.find(({ name }) => name === 'embedding');
  if (found === undefined) return null;
  const steps: DraftValue[] = [];
  let value = found.value;
  for (;;) {
    const { node } = value;
    const pooling = poolingOf(value, recovered.hidden);
    if (pooling !== null) return { pooling, modules: modulesOf(steps.reverse(), sources) };
    steps.push(value);
    if (!('input' in node)) break;
    value = node.input;
  }
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: output ${found.file} is no pooling of the last hidden states`,
    { details: { file: path } },
  );
}

function poolingOf({ node }: DraftValue, hidden: DraftValue): readonly PoolKind[] | null {
  const parts = node.op === 'concat' ? node.inputs : null;
  if (node.op === 'pool' && node.input === hidden) return [node.kind];
  const kinds = parts?.map((part) =>
    part.node.op === 'pool' && part.node.input === hidden ? part.node.kind : null,
  );
  return kinds?.every((kind) => kind !== null) ? kinds : null;
}

function modulesOf(
  steps: readonly DraftValue[],
  sources: Map<string, RecoveredWeight>,
): SentenceModule[] {
  const modules: SentenceModule[] = [];
  let activation: ActivationKind = 'none';
  for (const [i, { node, width }] of steps.entries()) {
    const number = modules.length + 2;
    const next = steps[i + 1]?.node;
    if (node.op === 'normalize') modules.push({ kind: 'normalize' });
    else if (node.op === 'norm') {
      const name = `${number}_LayerNorm`;
      sources.set(`${name}.norm.weight`, { kind: 'vector', vector: node.weight });
      if (node.bias) sources.set(`${name}.norm.bias`, { kind: 'vector', vector: node.bias });
      modules.push({ kind: 'layer-norm', name, width });
    } else if (node.op === 'linear') {
      activation = next?.op === 'activation' && next.kind !== 'sigmoid' ? next.kind : 'none';
      const name = `${number}_Dense`;
      sources.set(`${name}.linear.weight`, { kind: 'matrix', matrix: node.matrix });
      if (node.bias) sources.set(`${name}.linear.bias`, { kind: 'vector', vector: node.bias });
      const { rows: outputs, columns: inputs } = node.matrix;
      modules.push({
        kind: 'dense',
        name,
        inputs,
        outputs,
        bias: node.bias !== null,
        activation,
      });
    }
  }
  return modules;
}
