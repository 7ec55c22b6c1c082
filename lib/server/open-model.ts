/**
 * Loads a model of a server, or takes a loaded one, and puts it behind the interface that routes see.
 *
 * The rule: the classes of models are known here and in served/, nowhere else in the server.
 */
import type { BatchOptions } from '../batching/batch-options.js';
import { EMBEDDED_MODEL, EMBEDDED_NAME } from '../checkpoint/embedded-model.js';
import { rangeMistake } from '../core/errors.js';
import { resolveModel } from '../hub/resolve.js';
import { Classifier } from '../models/classifier.js';
import { CrossEncoder } from '../models/cross-encoder.js';
import { Encoder } from '../models/encoder.js';
import { fits, ownKind } from '../models/folder-kind.js';
import { KINDS, type Kind } from '../models/kinds.js';
import { MaskedLM } from '../models/masked-lm.js';
import { modelDtype, modelVersion } from '../models/model-version.js';
import { QuestionAnswerer } from '../models/question-answerer.js';
import { insideOf, type TextModel } from '../models/text-model.js';
import { TokenClassifier } from '../models/token-classifier.js';
import { folderTask } from '../tasks/folder-task.js';
import type { ServedInfo, ServedTask } from './contract.js';
import type { ModelGiven, ModelSource } from './model-source.js';
import { tokenCounter } from './observe/count-tokens.js';
import { servedAnswerer } from './served/answer.js';
import { type AnyClassifier, servedClassifier } from './served/classify.js';
import { servedEncoder } from './served/embed.js';
import { servedMaskedLM } from './served/fill-mask.js';
import { servedCrossEncoder } from './served/rerank.js';
import type { LoadedModel, ServedTaskModel } from './served/served-base.js';
import { servedTagger } from './served/tag.js';
import type { ServedBatchOptions, ServingSettings } from './server-options.js';

/** Loads the model of a source, or wraps the one that was given. */
export async function openGiven(
  { name, model, source }: ModelGiven,
  settings: ServingSettings,
  signal: AbortSignal | undefined,
): Promise<LoadedModel> {
  if (model === null) return openSource(name, source, settings, signal);
  const { base } = insideOf(model).parts;
  const loaded = await serve({ name, source: base, model }, settings.batch, signal);
  // The model is the caller's, its batchers are the server's.
  return { ...loaded, dispose: () => disposeAll(loaded.batchers()) };
}

/** Loads the model of a source. */
export async function openSource(
  name: string,
  source: ModelSource,
  settings: ServingSettings,
  signal: AbortSignal | undefined,
): Promise<LoadedModel> {
  const model = await load(`models.${name}`, source, settings, signal);
  try {
    const shown = source.path ?? EMBEDDED_NAME;
    const batch = { ...settings.batch, ...source.batch };
    const loaded = await serve({ name, source: shown, model }, batch, signal);
    return { ...loaded, dispose: () => model.dispose() };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

async function load(
  where: string,
  source: ModelSource,
  { lanes }: ServingSettings,
  signal: AbortSignal | undefined,
): Promise<TextModel> {
  const { path = EMBEDDED_MODEL, revision, download, pooling, normalize } = source;
  const hub = {
    ...(revision !== undefined && { revision }),
    ...(download !== undefined && { download }),
  };
  const folder = await resolveModel(where, path, { ...hub, ...(signal && { signal }) });
  const kind = await kindOf(where, folder, source);
  const { maxTokens, firstPosition, widen } = source;
  const options = {
    ...(maxTokens !== undefined && { maxTokens }),
    ...(firstPosition !== undefined && { firstPosition }),
    ...(widen !== undefined && { widen }),
    ...(lanes !== undefined && { lanes }),
    ...(signal !== undefined && { signal }),
  };
  const pool = {
    ...(pooling !== undefined && { pooling }),
    ...(normalize !== undefined && { normalize }),
  };
  if (kind === null) return Encoder.load(folder, { ...options, ...pool });
  const [own] = Object.keys(pool);
  if (own === undefined) return KINDS[kind].load(folder, options);
  throw rangeMistake(
    `${where}: ${own}`,
    'left out for a model with a head',
    Reflect.get(pool, own),
  );
}

/** The kind of the folder; null for an encoder. */
async function kindOf(where: string, folder: string, source: ModelSource): Promise<Kind | null> {
  const { task, firstPosition } = source;
  if (task === 'embedding') return null;
  const found = await folderTask(folder, { ...(firstPosition !== undefined && { firstPosition }) });
  if (task !== undefined && !fits(task, found)) {
    const own = found.problem ?? found.task;
    throw rangeMistake(`${where}: task`, `one that fits the model, which is for ${own}`, task);
  }
  const kind = task ?? ownKind(found);
  if (kind !== 'unknown') return kind;
  const what =
    "'pairs', 'multi-label' or 'regression', because the model gives one score and its config.json does not say what for";
  throw rangeMistake(`${where}: task`, what, undefined);
}

async function disposeAll(all: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
}

/** The model behind its name. */
async function serve(
  { name, source, model }: { name: string; source: string; model: TextModel },
  batch: ServedBatchOptions,
  signal: AbortSignal | undefined,
): Promise<Omit<LoadedModel, 'dispose'>> {
  const version = await modelVersion(model, signal);
  const info = await infoOf(name, source, version, model);
  // The server takes requests or refuses them as a whole (admission.ts), so a queue never refuses one of a request's texts.
  const options = { ...batch, maxQueue: Number.MAX_SAFE_INTEGER };
  const maskToken = model instanceof MaskedLM ? model.maskToken : null;
  return { ...servedBy(model, info, options), maskToken, countTokens: tokenCounter(model) };
}

function servedBy(
  model: TextModel,
  info: (task: ServedTask) => ServedInfo,
  options: BatchOptions,
): ServedTaskModel {
  if (model instanceof Encoder) return servedEncoder(info('embed'), model, options);
  if (model instanceof Classifier) {
    return servedClassifier(info('classify'), model as AnyClassifier, options);
  }
  if (model instanceof CrossEncoder) return servedCrossEncoder(info('rerank'), model, options);
  if (model instanceof TokenClassifier) return servedTagger(info('tag'), model, options);
  if (model instanceof QuestionAnswerer) return servedAnswerer(info('answer'), model, options);
  if (model instanceof MaskedLM) return servedMaskedLM(info('fill-mask'), model, options);
  throw rangeMistake('models', 'models for a task', model);
}

async function infoOf(name: string, source: string, version: string, model: TextModel) {
  const { sentence } = insideOf(model).parts;
  const { labels, problem, dimensions, maxTokens, thresholds } = await model.info();
  const fitted = thresholds && (labels ?? []).map((label) => thresholds[label] ?? 0.5);
  return (task: ServedTask): ServedInfo => ({
    name,
    task,
    source,
    version,
    dtype: modelDtype(model),
    pooling: task === 'embed' ? (sentence?.pooling ?? []).join('+') : null,
    labels: labels ?? [],
    problem: task === 'classify' ? problem : null,
    thresholds: fitted,
    dimensions: task === 'embed' ? dimensions : null,
    maxTokens,
    prompts: sentence?.prompts ?? {},
    loadedAt: Date.now(),
  });
}
