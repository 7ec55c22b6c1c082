/**
 * The options that every load of a model has.
 */

import type { OptionReader } from '../core/options.js';
import type { GraphRequest } from '../graph/checkpoint.js';
import type { DownloadProgress } from '../hub/index.js';
import type { ResolveOptions } from '../hub/resolve.js';
import type { LoadSettings } from './load-model.js';

export interface LoadOptions {
  /** Lowers the length limit. */
  readonly maxTokens?: number;
  /** Threads that compute, shared by all models. Default: SINTER_LANES, else one per usable CPU. */
  readonly lanes?: number;
  /** Of a model id (`org/name`): fetch what the cache lacks. Default: false, nothing touches the network. */
  readonly download?: boolean;
  /** Of a model id: a branch, a tag or a commit. Default: main. */
  readonly revision?: string;
  /** Called while files are fetched. */
  readonly onDownload?: (progress: DownloadProgress) => void;
  /** Of an ONNX file: quantized weights as f32, for fine-tuning. Default: false, int8 stays int8. */
  readonly widen?: boolean;
  /** Of an ONNX file: compare the import with the file on a short batch. Default: true. */
  readonly verify?: boolean;
  /** Of an ONNX file: keep what was recovered and verified in the user's cache folder, and take it from there. Default: true. */
  readonly cache?: boolean;
  /**
   * Of an ONNX file with an input of positions: what it holds for the first token. Default: what the family in config.json
   * counts from (BERT 0, RoBERTa 2); without either such a file is UNSUPPORTED_MODEL.
   */
  readonly firstPosition?: number;
  readonly signal?: AbortSignal;
}

/** Of a model with a head: a new one starts from random numbers. */
export interface HeadLoadOptions extends LoadOptions {
  /**
   * true: an untrained head, also in place of one that the folder has. Default: false, a trained head is never left out. `info()`
   * says what was never trained.
   */
  readonly newHead?: boolean;
  /** Of a new head. Default: 42. */
  readonly seed?: number;
}

export const LOAD_OPTIONS = {
  maxTokens: true,
  lanes: true,
  download: true,
  revision: true,
  onDownload: true,
  widen: true,
  verify: true,
  cache: true,
  firstPosition: true,
  signal: true,
} as const;

export const HEAD_LOAD_OPTIONS = { ...LOAD_OPTIONS, newHead: true, seed: true } as const;

/** The part of a request that is the same for all models. */
type HeadRequest = Pick<GraphRequest, 'maxTokens' | 'newHead'>;

/** What a load has to know beside the rest of its request. */
export function loadSettings<T extends HeadLoadOptions>(
  read: OptionReader<T>,
): { readonly settings: LoadSettings; readonly limit: HeadRequest } {
  const reader = read as unknown as OptionReader<HeadLoadOptions>;
  const maxTokens = reader.count('maxTokens', undefined);
  return {
    settings: {
      lanes: reader.count('lanes', undefined),
      signal: reader.signal(),
      seed: reader.count('seed', 42, 0),
      widen: reader.boolean('widen', false),
      verify: reader.boolean('verify', true),
      cache: reader.boolean('cache', true),
      firstPosition: reader.count('firstPosition', undefined, 0),
      hub: hubOptions(reader),
    },
    limit: {
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(reader.boolean('newHead', false) ? { newHead: true } : {}),
    },
  };
}

/** How a model id is looked up. */
function hubOptions(read: OptionReader<HeadLoadOptions>): ResolveOptions {
  const revision = read.text('revision', undefined);
  const onProgress = read.callback('onDownload');
  return {
    download: read.boolean('download', false),
    ...(revision === undefined ? {} : { revision }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
}
