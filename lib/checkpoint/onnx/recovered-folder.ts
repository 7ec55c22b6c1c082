/**
 * A recovered ONNX file as a model folder, except for its weights, which several classes can read: config, head, settings,
 * report.
 *
 * Where the file and the files beside it disagree, the file counts.
 */

import { SinterError } from '../../core/errors.js';
import type { HfFolder } from '../../formats/hf-folder.js';
import type { ModelHead, SentenceSettings } from '../../graph/checkpoint.js';
import { PLAIN_SENTENCE } from '../../graph/sentence.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import type { NativeProgram } from '../../native/program.js';
import { withQuantizationConfig } from '../quantized-folder.js';
import type { FilesBesideOnnx } from './beside-onnx.js';
import type { OnnxContents } from './onnx-contents.js';
import { type FileFacts, type ImportTimes, type OnnxReport, reportOf } from './onnx-report.js';
import type { Verification } from './verify-onnx.js';

/** The folder of an ONNX file, in whichever thread it was imported. */
export interface OnnxFolder extends HfFolder {
  /** Head of the file's graph. */
  readonly head: ModelHead;
  /** Length limit of texts, and whether the graph has one. */
  readonly limits: OnnxContents['limits'];
  /** Whether there are tokenizer files beside it. */
  readonly hasTokenizer: boolean;
  readonly report: Omit<OnnxReport, 'verification'>;
  /** Metadata of the file, unchanged. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Starts the evaluation of the file that `verify` needs, while the program is being built. */
  expect?(graph: EncoderGraph, replaced: readonly OutputName[]): void;
  /** As `verifyOnnx`. */
  verify(
    graph: EncoderGraph,
    program: NativeProgram,
    replaced: readonly OutputName[],
  ): Promise<Verification>;
}

export interface OnnxSettings {
  /** Quantized weights as f32: for fine-tuning. */
  readonly widen: boolean;
  /** First position, for a file with an input of positions. Default: that of the family in config.json. */
  readonly firstPosition?: number | undefined;
}

/** The ONNX file's name, facts and times, for the report. */
export interface ToldOfFile {
  readonly file: string;
  readonly facts: FileFacts;
  readonly times: ImportTimes;
}

/** A folder without its weights; `quantized` are the names of weights that stay int8. */
export function recoveredFolder(
  contents: OnnxContents,
  beside: FilesBesideOnnx,
  quantized: ReadonlySet<string>,
  { file, facts, times }: ToldOfFile,
): Omit<OnnxFolder, 'tensors' | 'weights' | 'close' | 'verify'> {
  const { config, head, limits } = contents;
  return {
    ...beside,
    compression: null,
    path: file,
    config: quantized.size > 0 ? withQuantizationConfig(config, 8) : config,
    sentence: mergeSentence(contents.sentence, beside.sentence),
    head,
    limits,
    report: reportOf(file, contents, facts, quantized.size, times),
    metadata: facts.metadata,
  };
}

/**
 * Joins the sentence-transformers settings of the file and those beside it; the file's own win. Modules with weights must be
 * in the file.
 */
function mergeSentence(
  own: OnnxContents['sentence'],
  files: SentenceSettings | null,
): SentenceSettings | null {
  if (own !== null) return { ...(files ?? PLAIN_SENTENCE), ...own };
  if (files === null || files.modules.every(({ kind }) => kind === 'normalize')) return files;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    'modules.json names modules with weights, which the ONNX file does not have',
  );
}
