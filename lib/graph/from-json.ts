/**
 * Reads a graph from JSON: fields and their types are checked here, their meaning in `validateGraph`.
 *
 * The file may come from anybody: unknown fields are refused, and sizes are bounded.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { fitsAll, isName } from './fields.js';
import { LIMITS } from './limits.js';
import { rowOf } from './ops.js';
import type { EncoderGraph } from './types.js';
import { validateGraph } from './validate.js';

/** Valid names of outputs. */
const OUTPUT = /^(hidden|embedding|pooled|logits|hidden\.(0|[1-9]\d{0,4}))$/;

/** The checked graph. Throws CORRUPT_MODEL; `where` begins the message. */
export function readGraphJson(value: JsonObject, where: string): EncoderGraph {
  const fail = (what: string) => new SinterError('CORRUPT_MODEL', `${where}: ${what}`);
  const { nodes, weights, outputs } = value;
  if (!Array.isArray(nodes) || !Array.isArray(weights) || !isJsonObject(outputs)) {
    throw fail('must have nodes, weights and outputs');
  }
  for (const [what, list] of [
    ['nodes', nodes],
    ['weights', weights],
  ] as const) {
    if (list.length > LIMITS[what]) {
      throw fail(`must have at most ${LIMITS[what]} ${what}, got ${list.length}`);
    }
  }
  for (const entry of weights) if (!isWeight(entry)) throw fail(`unknown weight ${show(entry)}`);
  for (const node of nodes) if (!isNode(node)) throw fail(`unknown node ${show(node)}`);
  for (const [name, of] of Object.entries(outputs)) {
    if (!OUTPUT.test(name) || !isName(of)) throw fail(`unknown output ${show(name)}: ${show(of)}`);
  }
  const { format, architecture, maxTokens, vocabulary, segments } = value;
  if (!isName(architecture)) throw fail('architecture must be a name');
  const graph = { format, architecture, maxTokens, vocabulary, segments, weights, nodes, outputs };
  const checked = graph as unknown as EncoderGraph;
  try {
    validateGraph(checked);
  } catch (error) {
    throw error instanceof SinterError ? fail(error.message.replace(/^graph: /, '')) : error;
  }
  return checked;
}

function isWeight(entry: JsonValue): boolean {
  if (!isJsonObject(entry)) return false;
  const { name, shape, dtype, ...more } = entry;
  const sizes = Array.isArray(shape) && (shape.length === 1 || shape.length === 2);
  const positive = sizes && shape.every((size) => Number.isSafeInteger(size) && Number(size) > 0);
  return isName(name) && positive && dtype === 'f32' && Object.keys(more).length === 0;
}

function isNode(node: JsonValue): boolean {
  if (!isJsonObject(node)) return false;
  const { op, output, ...fields } = node;
  const row = typeof op === 'string' ? rowOf(op) : undefined;
  return row !== undefined && isName(output) && fitsAll(row.fields, fields);
}
