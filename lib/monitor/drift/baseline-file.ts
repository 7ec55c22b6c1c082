/**
 * A baseline as a JSON file.
 *
 * The rule: a file from outside is hostile; every field is checked before it is used, and an error names the file and the field.
 */
import { readFile, stat } from 'node:fs/promises';
import { SinterError, show } from '../../core/errors.js';
import { isJsonObject, type JsonValue } from '../../core/json.js';
import { aboutFile, saveFile } from '../../files/index.js';
import type { Baseline, EmbeddingBaseline } from './baseline.js';
import { type Bins, QUANTITIES, type Quantity } from './quantities.js';

const FORMAT = 'sinter-baseline';
const VERSION = 1;
/** A baseline has at most some thousand numbers. */
const MAX_BYTES = 4 << 20;

/** Writes a baseline; a file that is there is replaced. */
export async function writeBaseline(baseline: Baseline, path: string): Promise<void> {
  const document = { format: FORMAT, formatVersion: VERSION, ...baseline };
  await saveFile(path, `${JSON.stringify(document, null, 1)}\n`);
}

/** Reads a baseline. Throws INVALID_DATA for a file that is none, FILE_SYSTEM where it cannot be read. */
export async function readBaselineFile(path: string): Promise<Baseline> {
  const { size } = await aboutFile(path, () => stat(path));
  const fail = (what: string, cause?: unknown): SinterError =>
    new SinterError('INVALID_DATA', `${path}: ${what}`, { details: { file: path }, cause });
  if (size > MAX_BYTES) throw fail(`a baseline has at most ${MAX_BYTES} bytes, got ${size}`);
  const text = await aboutFile(path, () => readFile(path, 'utf8'));
  const document = parsed(text, fail);
  if (!isJsonObject(document) || document.format !== FORMAT) {
    throw fail('this is no baseline (see sinter baseline --help)');
  }
  if (document.formatVersion !== VERSION) {
    throw fail(`formatVersion must be ${VERSION}, got ${show(document.formatVersion)}`);
  }
  return readBaseline(document, fail);
}

function parsed(text: string, fail: Fail): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw fail('this is no JSON', error);
  }
}

type Fail = (what: string, cause?: unknown) => SinterError;

function readBaseline(document: Readonly<Record<string, JsonValue>>, fail: Fail): Baseline {
  const { model, rows, created, quantities, embedding } = document;
  const { task, version } = isJsonObject(model) ? model : {};
  if (typeof task !== 'string' || typeof version !== 'string') {
    throw fail('model must have task and version');
  }
  if (typeof created !== 'string') throw fail('created must be a date');
  if (!isJsonObject(quantities)) throw fail('quantities must be an object');
  const read: Partial<Record<Quantity, Bins>> = {};
  for (const [name, value] of Object.entries(quantities)) {
    const known = QUANTITIES.find((one) => one === name);
    if (known === undefined) throw fail(`quantities: unknown quantity ${show(name)}`);
    read[known] = readBins(`quantities.${name}`, value, fail);
  }
  return {
    model: { task, version },
    rows: countOf('rows', rows, fail),
    created,
    quantities: read,
    embedding: embedding === null ? null : readEmbedding(embedding, fail),
  };
}

function readBins(where: string, value: JsonValue | undefined, fail: Fail): Bins {
  const { kind, edges, counts, names, mean, quantiles } = isJsonObject(value) ? value : {};
  const read = listOf(`${where}.counts`, counts, fail).map((one, i) =>
    countOf(`${where}.counts[${i}]`, one, fail, 0),
  );
  if (kind === 'names') {
    const texts = Array.isArray(names) ? names.filter((one) => typeof one === 'string') : [];
    if (texts.length !== read.length) throw fail(`${where}.names must be a name for each count`);
    return { kind, names: texts, counts: read };
  }
  if (kind !== 'numbers') throw fail(`${where}.kind must be "numbers" or "names"`);
  const bounds = listOf(`${where}.edges`, edges, fail);
  const ascends = bounds.every((edge, i) => i === 0 || edge > (bounds[i - 1] ?? edge));
  if (!ascends || bounds.length + 1 !== read.length) {
    throw fail(`${where}.edges must ascend, one fewer than counts`);
  }
  return {
    ...{ kind, edges: bounds, counts: read },
    mean: finite(`${where}.mean`, mean, fail),
    quantiles: listOf(`${where}.quantiles`, quantiles, fail),
  };
}

function readEmbedding(value: JsonValue | undefined, fail: Fail): EmbeddingBaseline {
  const { rows, centroid, meanDistance, trace } = isJsonObject(value) ? value : {};
  const mean = listOf('embedding.centroid', centroid, fail);
  if (!mean.some((one) => one !== 0)) throw fail('embedding.centroid must have a direction');
  return {
    rows: countOf('embedding.rows', rows, fail),
    centroid: mean,
    meanDistance: finite('embedding.meanDistance', meanDistance, fail),
    trace: finite('embedding.trace', trace, fail),
  };
}

function listOf(where: string, value: JsonValue | undefined, fail: Fail): readonly number[] {
  if (!Array.isArray(value)) throw fail(`${where} must be a list, got ${show(value)}`);
  return value.map((one, i) => finite(`${where}[${i}]`, one, fail));
}

function finite(where: string, value: JsonValue | undefined, fail: Fail): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw fail(`${where} must be a number, got ${show(value)}`);
}

function countOf(where: string, value: JsonValue | undefined, fail: Fail, least = 1): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw fail(`${where} must be a whole number from ${least}, got ${show(value)}`);
}
