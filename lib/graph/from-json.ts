/**
 * A graph from a file: fields and their types are checked here, what they mean in `validateGraph`.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { ACTIVATION_KINDS, type EncoderGraph, type GraphNode } from './types.js';
import { validateGraph } from './validate.js';

type Check = (value: JsonValue | undefined) => boolean;

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const texts: Check = (value) => Array.isArray(value) && value.every(text);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const oneOf =
  (...names: string[]): Check =>
  (value) =>
    names.includes(value as string);
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isJsonObject(value) &&
    Object.keys(value).every((key) => Object.hasOwn(fields, key)) &&
    Object.entries(fields).every(([key, check]) => check(value[key]));
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const activation = oneOf(...ACTIVATION_KINDS);
const table = object({
  weight: text,
  index: oneOf('token', 'position', 'segment'),
  offset: number,
});

/** Fields of each operation beside `op` and `output`. */
const NODES: Readonly<Record<GraphNode['op'], Readonly<Record<string, Check>>>> = {
  embedding: { tables: list(table) },
  norm: {
    kind: oneOf('layer', 'rms'),
    input: text,
    residual: orNull(text),
    weight: text,
    bias: orNull(text),
    epsilon: number,
  },
  linear: { input: text, weights: texts, biases: texts, activation, activationBits: number },
  attention: {
    input: text,
    heads: number,
    headDim: number,
    scale: number,
    dropout: number,
    rotary: optional(object({ theta: number, dimensions: number })),
    window: optional(number),
    relativeBias: optional(object({ weight: text, maxDistance: number })),
    disentangled: optional(
      object({ keys: orNull(text), queries: orNull(text), buckets: number, maxDistance: number }),
    ),
  },
  dropout: { input: text, probability: number },
  pool: { kind: text, input: text },
  normalize: { input: text },
  parameter: { weight: text },
  add: { input: text, residual: text },
  gate: { activation, input: text },
  concat: { inputs: texts },
  select: { input: text },
};

/** A checked graph. Throws CORRUPT_MODEL; `where` begins the message. */
export function readGraphJson(value: JsonObject, where: string): EncoderGraph {
  const fail = (what: string) => new SinterError('CORRUPT_MODEL', `${where}: ${what}`);
  const { nodes, weights, outputs } = value;
  if (!Array.isArray(nodes) || !Array.isArray(weights) || !isJsonObject(outputs)) {
    throw fail('must have nodes, weights and outputs');
  }
  const weight = object({ name: text, shape: list(number), dtype: oneOf('f32') });
  for (const entry of weights) if (!weight(entry)) throw fail(`unknown weight ${show(entry)}`);
  for (const node of nodes) {
    const op = isJsonObject(node) ? node.op : undefined;
    const known = typeof op === 'string' && Object.hasOwn(NODES, op) ? NODES[op as 'add'] : null;
    if (known === null || !object({ ...known, op: text, output: text })(node)) {
      throw fail(`unknown node ${show(node)}`);
    }
  }
  if (!Object.values(outputs).every(text)) throw fail('outputs must be names');
  const { format, architecture, maxTokens, vocabulary, segments } = value;
  const graph = { format, architecture, maxTokens, vocabulary, segments, weights, nodes, outputs };
  const checked = graph as unknown as EncoderGraph;
  validateGraph(checked);
  return checked;
}
