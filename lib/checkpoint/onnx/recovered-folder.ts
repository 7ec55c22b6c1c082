/**
 * What was recovered from an ONNX file as a model folder, wherever its weights are read: config, head, settings, report.
 *
 * What the file computes goes before what the files beside it say.
 */

import { SinterError } from '../../core/errors.js';
import type { HfFolder } from '../../formats/hf-folder.js';
import type { ModelHead, SentenceSettings } from '../../graph/checkpoint.js';
import { PLAIN_SENTENCE } from '../../graph/sentence.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import type { NativeProgram } from '../../native/native.js';
import { withQuantizationConfig } from '../quantized-folder.js';
import type { BesideOnnx } from './beside-onnx.js';
import type { OnnxContents } from './onnx-contents.js';
import { type FileFacts, type ImportTimes, type OnnxReport, reportOf } from './onnx-report.js';
import type { Verification } from './verify-onnx.js';

/** What loading needs of an ONNX file, wherever it was imported. */
export interface OnnxFolder extends HfFolder {
  /** What the file's graph ends in. */
  readonly head: ModelHead;
  /** How long texts may be, and whether something in the graph says so. */
  readonly limits: OnnxContents['limits'];
  /** Whether tokenizer files lie beside it. */
  readonly hasTokenizer: boolean;
  readonly report: Omit<OnnxReport, 'verification'>;
  /** Of the file, as it says them. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Begins what `verify` will need, while the program is being built. */
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
  /** Where positions begin, for a file that is fed them. Default: as the family in config.json has it. */
  readonly firstPosition?: number | undefined;
}

/** Of the file itself. */
export interface ToldOfFile {
  readonly file: string;
  readonly facts: FileFacts;
  readonly times: ImportTimes;
}

/** A folder without its weights, of which `quantized` stay int8. */
export function recoveredFolder(
  contents: OnnxContents,
  beside: BesideOnnx,
  quantized: ReadonlySet<string>,
  { file, facts, times }: ToldOfFile,
): Omit<OnnxFolder, 'tensors' | 'weights' | 'close' | 'verify'> {
  const { config, head, limits } = contents;
  return {
    ...beside,
    path: file,
    config: quantized.size > 0 ? withQuantizationConfig(config, 8) : config,
    sentence: mergeSentence(contents.sentence, beside.sentence),
    head,
    limits,
    report: reportOf(file, contents, facts, quantized.size, times),
    metadata: facts.metadata,
  };
}

/** What the file computes goes before what the files beside it say; modules with weights must be in it. */
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
