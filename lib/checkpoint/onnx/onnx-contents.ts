/**
 * Results of an import that loading needs and the cache keeps, without the intermediate graphs.
 *
 * Weights are described by their location: rows of initializers of the plain form, which is made again. Contents from the
 * cache are hostile: every name, size and range is checked against the file.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import type { RecoveredWeight } from '../../formats/onnx/import/index.js';
import type { Initializer } from '../../formats/onnx/import/model.js';
import type { ModelHead, SentenceModule, SentenceSettings } from '../../graph/checkpoint.js';
import { TASK_NAMES } from '../../graph/tasks.js';
import { ACTIVATION_KINDS, POOL_KINDS } from '../../graph/types.js';

export interface OnnxContents {
  readonly config: JsonObject;
  readonly head: ModelHead;
  readonly sentence: Pick<SentenceSettings, 'pooling' | 'modules'> | null;
  readonly sources: ReadonlyMap<string, RecoveredWeight>;
  /** Names of weights that are only looked up. */
  readonly tables: ReadonlySet<string>;
  /** Names of weights that can stay int8. */
  readonly int8: ReadonlySet<string>;
  readonly limits: { readonly maxTokens: number; readonly bounded: boolean };
  readonly found: {
    readonly inputs: Readonly<Record<string, string>>;
    readonly outputs: Readonly<Record<string, string>>;
    readonly ignored: readonly string[];
    readonly notes: readonly string[];
    readonly why: readonly string[];
  };
}

type Written = Readonly<Record<keyof OnnxContents, JsonValue>>;

export function writeContents(contents: OnnxContents): JsonObject {
  const { config, head, sentence, sources, tables, int8, limits, found } = contents;
  const written = {
    config,
    head,
    sentence,
    sources: Object.fromEntries([...sources].map(([name, source]) => [name, writeSource(source)])),
    tables: [...tables],
    int8: [...int8],
    limits: { maxTokens: limits.maxTokens, bounded: limits.bounded },
    found,
  };
  return written as unknown as Written;
}

function writeSource(source: RecoveredWeight): JsonObject {
  if (source.kind === 'vector') return { values: base64(source.vector.values) };
  const { rows, columns, pieces, literal } = source.matrix;
  if (literal !== undefined) return { rows, columns, literal: base64(literal) };
  const list = pieces.map(({ source: name, transposed, begin, end }) => [
    name,
    transposed,
    begin,
    end,
  ]);
  return { rows, columns, pieces: list };
}

function base64({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** The matrices of which weights may consist, by the name of their initializer. */
export interface KnownMatrices {
  readonly matrices: ReadonlyMap<string, Pick<Initializer, 'dtype' | 'dims'>>;
  readonly isQuantized: (name: string) => boolean;
}

/** Reads the contents that `writeContents` wrote, for these matrices; null when they are anything else. */
export function readContents(
  value: JsonValue | undefined,
  known: KnownMatrices,
): OnnxContents | null {
  try {
    return contentsFromJson(objectOf(value), known);
  } catch (error) {
    if (error instanceof Misread) return null;
    throw error;
  }
}

/** Thrown for a malformed entry. */
class Misread extends Error {}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (isJsonObject(value)) return value;
  throw new Misread();
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (Array.isArray(value)) return value as readonly JsonValue[];
  throw new Misread();
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new Misread();
}

function countOf(value: JsonValue | undefined, most = 2 ** 31): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most)
    return value;
  throw new Misread();
}

function flagOf(value: JsonValue | undefined): boolean {
  if (typeof value === 'boolean') return value;
  throw new Misread();
}

function oneOf<T extends string>(value: JsonValue | undefined, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw new Misread();
}

function textsOf(value: JsonValue | undefined): string[] {
  return listOf(value).map(textOf);
}

function namesOf(value: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([k, v]) => [k, textOf(v)]));
}

const PROBLEMS = [
  'single_label_classification',
  'multi_label_classification',
  'regression',
] as const;

function contentsFromJson(from: JsonObject, matrices: KnownMatrices): OnnxContents {
  const sources = new Map(
    Object.entries(objectOf(from.sources)).map(([name, source]) => [
      name,
      sourceOf(objectOf(source), matrices),
    ]),
  );
  const known = (value: JsonValue | undefined) => {
    const names = textsOf(value);
    if (names.every((name) => sources.has(name))) return new Set(names);
    throw new Misread();
  };
  const int8 = known(from.int8);
  for (const name of int8) checkCodes(sources.get(name), matrices);
  const limits = objectOf(from.limits);
  const found = objectOf(from.found);
  return {
    config: objectOf(from.config),
    head: headOf(objectOf(from.head)),
    sentence: from.sentence === null ? null : sentenceOf(objectOf(from.sentence)),
    sources,
    tables: known(from.tables),
    int8,
    limits: { maxTokens: countOf(limits.maxTokens), bounded: flagOf(limits.bounded) },
    found: {
      inputs: namesOf(found.inputs),
      outputs: namesOf(found.outputs),
      ignored: textsOf(found.ignored),
      notes: textsOf(found.notes),
      why: textsOf(found.why),
    },
  };
}

function headOf({ task, labels, problem }: JsonObject): ModelHead {
  return {
    task: oneOf(task, TASK_NAMES),
    labels: labels === null ? null : textsOf(labels),
    problem: problem === null ? null : oneOf(problem, PROBLEMS),
  };
}

function sentenceOf({ pooling, modules }: JsonObject) {
  return {
    pooling: pooling === null ? null : listOf(pooling).map((kind) => oneOf(kind, POOL_KINDS)),
    modules: listOf(modules).map((module) => moduleOf(objectOf(module))),
  };
}

function moduleOf(module: JsonObject): SentenceModule {
  const kind = oneOf(module.kind, ['dense', 'layer-norm', 'normalize']);
  if (kind === 'normalize') return { kind };
  const name = textOf(module.name);
  if (kind === 'layer-norm') return { kind, name, width: countOf(module.width) };
  return {
    kind,
    name,
    inputs: countOf(module.inputs),
    outputs: countOf(module.outputs),
    bias: flagOf(module.bias),
    activation: oneOf(module.activation, ACTIVATION_KINDS),
  };
}

function sourceOf(from: JsonObject, { matrices }: KnownMatrices): RecoveredWeight {
  if (from.values !== undefined) {
    return { kind: 'vector', vector: { values: floatsOf(from.values), source: '' } };
  }
  const [rows, columns] = [countOf(from.rows), countOf(from.columns)];
  if (from.literal !== undefined) {
    const literal = floatsOf(from.literal);
    if (literal.length !== rows * columns) throw new Misread();
    return { kind: 'matrix', matrix: { rows, columns, pieces: [], literal } };
  }
  let total = 0;
  const pieces = listOf(from.pieces).map((piece) => {
    const [name, turned, first, last] = listOf(piece);
    const source = textOf(name);
    const initializer = matrices.get(source);
    const transposed = flagOf(turned);
    const [height = 0, width = 0] = initializer?.dims ?? [];
    const [most, own] = transposed ? [width, height] : [height, width];
    const [begin, end] = [countOf(first), countOf(last, most)];
    if (initializer?.dims.length !== 2 || own !== columns || begin >= end) throw new Misread();
    if (initializer.dtype !== 'float32') throw new Misread();
    total += end - begin;
    return { source, transposed, begin, end };
  });
  if (total !== rows) throw new Misread();
  return { kind: 'matrix', matrix: { rows, columns, pieces } };
}

/** Decodes floats. They must be finite, because the import has checked that they were. */
function floatsOf(value: JsonValue | undefined): Float32Array {
  const bytes = Buffer.from(textOf(value), 'base64');
  if (bytes.length % 4 !== 0) throw new Misread();
  const floats = new Float32Array(bytes.length / 4);
  new Uint8Array(floats.buffer).set(bytes);
  if (!floats.every(Number.isFinite)) throw new Misread();
  return floats;
}

function checkCodes(source: RecoveredWeight | undefined, { isQuantized }: KnownMatrices): void {
  const pieces = source?.kind === 'matrix' ? source.matrix.pieces : [];
  if (pieces.length === 0 || !pieces.every((piece) => isQuantized(piece.source)))
    throw new Misread();
}
