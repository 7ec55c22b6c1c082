/**
 * Loads a model folder by its kind: a classifier when its config.json says so, else an encoder, or a model with another head.
 *
 * The rule: a model folder's own config decides, so that quantize, convert and bench need no option for it.
 */

import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { findOnnxFile } from '../checkpoint/find-onnx.js';
import { resolveModel } from '../hub/resolve.js';
import type { AdaptedModel } from '../models/adapted-model.js';
import { Classifier } from '../models/classifier.js';
import { Encoder } from '../models/encoder.js';
import { KINDS, type KindModel, kindOf } from '../models/kinds.js';
import type { AdapterOption } from '../runtime/predict-options.js';
import type { FolderTask } from '../tasks/folder-task.js';
import { type ModelOptions, usageMistake } from './arguments.js';

export interface OpenOptions extends ModelOptions {
  readonly lanes?: number;
  readonly signal?: AbortSignal;
}

/** A loaded model and what kind it is. */
export type OpenModel =
  | { readonly kind: 'encoder'; readonly model: Encoder; readonly path: string }
  | { readonly kind: 'classifier'; readonly model: Classifier; readonly path: string };

/** Any model that can be quantized, saved and exported. */
export type AnyModel = OpenModel['model'] | KindModel;

/** The folder or file that an option names; undefined stays undefined, and means the embedded encoder. */
export async function modelPath(name: string | undefined): Promise<string | undefined> {
  return name === undefined ? undefined : resolveModel('--model', name);
}

/** The options for ONNX files in the form of a load. Throws when one is given for a model that is no ONNX file. */
export async function onnxOptions({
  model,
  firstPosition,
  widen,
}: Omit<ModelOptions, 'pooling'> & { readonly model?: string | undefined }): Promise<
  Pick<OpenOptions, 'firstPosition' | 'widen'>
> {
  if (firstPosition === undefined && widen !== true) return {};
  const path = await modelPath(model);
  if (path !== undefined && (await findOnnxFile(path)) !== null) {
    return { ...(firstPosition !== undefined && { firstPosition }), ...(widen && { widen }) };
  }
  const flag = firstPosition === undefined ? '--widen' : '--first-position';
  throw usageMistake(`${flag} is for ONNX files; ${model ?? 'the embedded model'} is none`);
}

/** The model options in the form of a load. */
export async function modelOptions(
  options: ModelOptions & { readonly model?: string | undefined },
): Promise<Pick<OpenOptions, keyof ModelOptions>> {
  const { pooling } = options;
  return { ...(await onnxOptions(options)), ...(pooling !== undefined && { pooling }) };
}

/** Loads the folder as an encoder or a classifier with one label per text; without a path, the embedded encoder. */
export async function openModel(
  folder: string | undefined,
  options: OpenOptions = {},
): Promise<OpenModel> {
  const { path, task, problem } = await locate(folder, options);
  if (task === 'embedding') {
    return { kind: 'encoder', model: await Encoder.load(path, options), path };
  }
  const rest = withoutPooling(path, options);
  if (problem === 'single_label_classification') {
    return { kind: 'classifier', model: await Classifier.load(path, rest), path };
  }
  const what = problem ?? task;
  throw usageMistake(`${path} is for ${what}; this command takes encoders and classifiers`);
}

/** Loads the folder with whatever head it has. */
export async function openAnyModel(
  folder: string | undefined,
  options: OpenOptions = {},
): Promise<AnyModel> {
  const { path, ...found } = await locate(folder, options);
  const kind = kindOf(found);
  if (kind === null || kind === 'classification') return (await openModel(path, options)).model;
  return KINDS[kind].load(path, withoutPooling(path, options));
}

/** --pooling is only for encoders: a head pools as its files say. */
function withoutPooling(
  path: string,
  { pooling, ...options }: OpenOptions,
): Omit<OpenOptions, 'pooling'> {
  if (pooling === undefined) return options;
  throw usageMistake(`--pooling is for encoders; ${path} has a head`);
}

async function locate(
  folder: string | undefined,
  options: OpenOptions,
): Promise<FolderTask & { path: string }> {
  const path = (await modelPath(folder)) ?? EMBEDDED_MODEL;
  const { folderTask } = await import('../tasks/folder-task.js');
  return { path, ...(await folderTask(path, options)) };
}

/** The name under which a command runs an adapter. */
const ADAPTER = 'adapter';

/** Loads the adapter of --adapter beside the model; returns the option of calls that chooses it. */
export async function loadAdapter(
  model: Pick<AdaptedModel, 'loadAdapter'>,
  folder: string | undefined,
  signal: AbortSignal,
): Promise<AdapterOption> {
  if (folder === undefined) return {};
  await model.loadAdapter(folder, { name: ADAPTER, signal });
  return { adapter: ADAPTER };
}
