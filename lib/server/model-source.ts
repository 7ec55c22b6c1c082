/**
 * What a server is given to serve: loaded models, or folders and how they are loaded.
 *
 * The rule: a mistake in one names the model, and is found before any model is loaded.
 */
import { isDeepStrictEqual } from 'node:util';
import { rangeMistake, show, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { POOL_KINDS, type PoolKind } from '../graph/types.js';
import { KIND_NAMES } from '../models/kinds.js';
import { TextModel } from '../models/text-model.js';
import { readBatch, type ServedBatchOptions } from './server-options.js';

/** What a model is for, by the names of `--task`. */
export type ModelKind =
  | 'embedding'
  | 'classification'
  | 'multi-label'
  | 'regression'
  | 'pairs'
  | 'tags'
  | 'answers'
  | 'masked-lm';

/** A model that the server loads, and loads again for `reload`. */
export interface ModelSource {
  /** Folder, ONNX file or model id. Left out: the embedded all-MiniLM-L6-v2. */
  readonly path?: string;
  /** What the model is for. Default: as its files say. */
  readonly task?: ModelKind;
  /** As for `load`. */
  readonly maxTokens?: number;
  readonly revision?: string;
  readonly download?: boolean;
  readonly firstPosition?: number;
  readonly widen?: boolean;
  /** Encoders: as for `Encoder.load`. */
  readonly pooling?: PoolKind;
  readonly normalize?: boolean;
  /** Default: `batch` of the server. */
  readonly batch?: ServedBatchOptions;
  /** Requests to this model that are answered at a time. Default: `maxConcurrentRequests` of the server. */
  readonly maxConcurrentRequests?: number;
  /** Default: `maxQueueTokens` of the server. */
  readonly maxQueueTokens?: number;
  /** Default: `maxQueueMs` of the server. */
  readonly maxQueueMs?: number;
  /** A second model that a share of the requests runs through as well; its results are compared and dropped. */
  readonly shadow?: ShadowSource;
  /** What a model that is loaded again is compared on. */
  readonly canary?: CanaryOptions;
}

/** A candidate beside a served model. */
export interface ShadowSource {
  readonly path: string;
  /** Share of the requests, above 0, at most 1. */
  readonly share: number;
}

/** Texts on which a reloaded model is compared with the one it replaces. */
export interface CanaryOptions {
  /** Texts beside the built-in ones. */
  readonly texts?: readonly string[];
  /** Agreement below which the old model stays, 0 to 1. Default: 0, any agreement does. */
  readonly minAgreement?: number;
}

/** Models by name. A loaded model stays the caller's: the server does not dispose of it. */
export type ModelsToServe = Readonly<Record<string, TextModel | ModelSource>>;

/** A checked entry of `ModelsToServe`. */
export interface ModelGiven {
  readonly name: string;
  /** Null for a source. */
  readonly model: TextModel | null;
  readonly source: ModelSource;
}

const KNOWN = {
  path: true,
  task: true,
  maxTokens: true,
  revision: true,
  download: true,
  firstPosition: true,
  widen: true,
  pooling: true,
  normalize: true,
  batch: true,
  maxConcurrentRequests: true,
  maxQueueTokens: true,
  maxQueueMs: true,
  shadow: true,
  canary: true,
} as const;

/** What a running server keeps of a model: `reload` changes the rest. */
export const FIXED_OPTIONS = [
  'maxConcurrentRequests',
  'maxQueueTokens',
  'maxQueueMs',
  'shadow',
] as const satisfies readonly (keyof ModelSource)[];

type FixedOption = (typeof FIXED_OPTIONS)[number];

/** Names of the fixed options in which two sources differ. */
export function fixedDifferences(a: ModelSource, b: ModelSource): readonly FixedOption[] {
  return FIXED_OPTIONS.filter((option) => !isDeepStrictEqual(a[option], b[option]));
}

/** Checks another source for a model that is served. Throws TypeError or RangeError that names the option. */
export function readReloaded(
  where: string,
  name: string,
  from: ModelSource,
  to: ModelSource,
): void {
  readModel(where, name, to);
  const [fixed] = fixedDifferences(from, to);
  if (fixed === undefined) return;
  const what = `as it was (${show(from[fixed])}): it takes effect when a server starts`;
  throw rangeMistake(`${where}: models.${name}: ${fixed}`, what, to[fixed]);
}

export const SERVED_TASKS: readonly ModelKind[] = ['embedding', ...KIND_NAMES];
/** Names are parts of URLs, labels of metrics and values of headers. */
const NAME = /^[\w][\w.:/@+-]{0,199}$/;

/** Throws TypeError or RangeError that names the model. */
export function readModels(where: string, models: ModelsToServe): ModelGiven[] {
  if (typeof models !== 'object' || models === null || Array.isArray(models)) {
    throw typeMistake(`${where}: models`, 'an object of models by name', models);
  }
  const given = Object.entries(models).map(([name, value]) => readModel(where, name, value));
  if (given.length === 0) throw rangeMistake(`${where}: models`, 'at least one model', models);
  return given;
}

function readModel(where: string, name: string, value: TextModel | ModelSource): ModelGiven {
  if (!NAME.test(name)) {
    const what = 'named with letters, digits and . : / @ + - _, at most 200';
    throw rangeMistake(`${where}: a model`, what, name);
  }
  if (value instanceof TextModel) return { name, model: value, source: {} };
  const at = `${where}: models.${name}`;
  const read = readOptions<ModelSource>(at, value, KNOWN);
  const task = read.choice('task', undefined, SERVED_TASKS);
  const isEncoder = task === undefined || task === 'embedding';
  for (const option of ['pooling', 'normalize'] as const) {
    if (value[option] === undefined || isEncoder) continue;
    throw rangeMistake(`${at}: ${option}`, 'left out for a model with a head', value[option]);
  }
  read.text('path', undefined);
  read.text('revision', undefined);
  read.choice('pooling', undefined, POOL_KINDS);
  for (const option of ['download', 'widen', 'normalize'] as const) read.boolean(option, undefined);
  const counts = ['maxTokens', 'maxConcurrentRequests', 'maxQueueTokens', 'maxQueueMs'] as const;
  for (const option of counts) read.count(option, undefined);
  read.count('firstPosition', undefined, 0);
  readBatch(`${at}: batch`, value.batch);
  if (value.shadow !== undefined) readShadow(`${at}: shadow`, value.shadow);
  if (value.canary !== undefined) readCanary(`${at}: canary`, value.canary);
  return { name, model: null, source: value };
}

function readShadow(where: string, shadow: ShadowSource): void {
  const read = readOptions<ShadowSource>(where, shadow, { path: true, share: true });
  const path = read.text('path', undefined);
  if (path === undefined) throw typeMistake(`${where}: path`, 'a text', path);
  const isShare = (value: number) => value > 0 && value <= 1;
  const share = read.number('share', Number.NaN, 'above 0, at most 1', isShare);
  if (Number.isNaN(share)) throw typeMistake(`${where}: share`, 'a number', undefined);
}

function readCanary(where: string, canary: CanaryOptions): void {
  const read = readOptions<CanaryOptions>(where, canary, { texts: true, minAgreement: true });
  read.number('minAgreement', 0, 'a number from 0 to 1', (value) => value >= 0 && value <= 1);
  const { texts = [] } = canary;
  if (!Array.isArray(texts)) throw typeMistake(`${where}: texts`, 'an array of strings', texts);
  for (const [i, text] of texts.entries()) {
    if (typeof text !== 'string') throw typeMistake(`${where}: texts[${i}]`, 'a string', text);
  }
}
