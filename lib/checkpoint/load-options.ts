/**
 * The options that every load of a model has.
 */

import type { OptionReader } from '../core/options.js';
import type { GraphRequest } from '../graph/checkpoint.js';
import type { DownloadProgress } from '../hub/index.js';
import type { ResolveOptions } from '../hub/resolve.js';
import type { LoadSettings } from './load-model.js';

/** Options of every `load`. */
export interface LoadOptions {
  /** Longest text in tokens, in place of what the files say. Beyond the positions of the model: RangeError. */
  readonly maxTokens?: number;
  /** Threads that compute, shared by all models. Default: SINTER_LANES, else one per usable CPU. */
  readonly lanes?: number;
  /** For a model id (`org/name`): fetch files that the cache lacks. Default: false, nothing touches the network. */
  readonly download?: boolean;
  /** For a model id: a branch, a tag or a commit. Default: main. */
  readonly revision?: string;
  /** Called while files are fetched. */
  readonly onDownload?: (progress: DownloadProgress) => void;
  /** For an ONNX file: quantized weights as f32, for fine-tuning. Default: false, int8 stays int8. */
  readonly widen?: boolean;
  /** For an ONNX file: compare the import with the file on a short batch. Default: true. */
  readonly verify?: boolean;
  /**
   * For an ONNX file: keep the recovered and verified model in the user's cache folder, and load it from there. Default:
   * true.
   */
  readonly cache?: boolean;
  /**
   * For an ONNX file with an input of positions: the position of the first token. Default: where the family in config.json
   * begins to count (BERT 0, RoBERTa 2); without either such a file is UNSUPPORTED_MODEL.
   */
  readonly firstPosition?: number;
  /** Ends the load with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Options of a model with a head; a new head starts from random numbers. */
export interface HeadLoadOptions extends LoadOptions {
  /**
   * true: an untrained head, even if the folder has one. Default: false, a trained head is never left out. `info()` lists
   * untrained weights.
   */
  readonly newHead?: boolean;
  /** Seed of a new head's random numbers. Default: 42. */
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

/** Splits the options of a load into settings and the limits of its request. */
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
