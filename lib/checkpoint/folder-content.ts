/**
 * The content of a model folder to write: config.json, weights, the tokenizer's files.
 *
 * Weights are written in pieces, so that one piece is in memory at a time.
 */

import { savedConfig } from '../architectures/index.js';
import { SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { isSame } from '../files/index.js';
import { COMPRESSION_FILE, TRAINING_FILE } from '../formats/hf-folder.js';
import type { HfFolderContent } from '../formats/hf-folder-writer.js';
import { DEFAULT_METADATA, type TensorToWrite } from '../formats/safetensors-writer.js';

import { equalizerName, equalizersOf } from '../graph/rewrite/equalize.js';
import { configForOnnx } from '../graph/sinter-file.js';
import { holdsCodes, partTensor, STORAGES } from '../graph/storages.js';
import type { EncoderGraph, WeightDtype, WeightSpec } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import { outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { readPieces } from '../runtime/program.js';

import { TOKENIZER_CONFIG, tokenizerConfig } from './tokenizer-config.js';
import { untrainedMark } from './untrained.js';

/**
 * Input paths that the writer must not destroy: a model may replace the folder that it was loaded from, but not a folder
 * around that.
 */
export async function inputsOf(
  { path: source }: ModelParts,
  path: string,
): Promise<{ inputs: string[] }> {
  return { inputs: (await isSame(source, path)) ? [] : [source] };
}

/** config.json, weights and further files of the model's folder. `forJs`: the tokenizer's files are for transformers.js too. */
export async function folderContent(
  parts: ModelParts,
  program: NativeProgram,
  dtype: 'f32' | 'f16' | 'held',
  forJs = false,
): Promise<HfFolderContent> {
  const { graph, head, sentence } = parts;
  const equalizers = equalizersOf(graph);
  const { config, names } = savedConfig(graph, parts.config, head);
  const fileName = fileNames(graph, names);
  const content = {
    config,
    weights: graph.weights.flatMap((weight) =>
      // Equalizers keep their storage, because the int8 weights that they belong to do.
      tensorsToWrite(
        program,
        weight,
        fileName(weight.name),
        dtype === 'held' || holdsCodes(weight) || equalizers.has(weight.name)
          ? weight.dtype
          : dtype,
      ),
    ),
    metadata: { ...DEFAULT_METADATA, ...untrainedMark(parts, fileName) },
    files: await filesOf(parts, forJs ? configForOnnx(config) : config, forJs),
  };
  const written =
    sentence !== null && (sentence.kind === 'cross-encoder' || sentence.pooling !== null);
  if (!written) return content;
  const settings = { ...sentence, maxTokens: graph.maxTokens };
  return { ...content, sentence: { settings, width: outputWidth(graph, 'hidden') } };
}

/** The tokenizer's files, and the records of a training and of a compression. */
async function filesOf(
  { graph, head, tokenizer, training, compression }: ModelParts,
  config: JsonObject,
  forJs: boolean,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map(tokenizer.files);
  if (files.size > 0 || head.task !== 'embedding') {
    // Other programs must cut a model's texts where its head was trained. Those that run encoders find the limit elsewhere.
    const replaceLimit = head.task !== 'embedding';
    const options = { maxTokens: graph.maxTokens, replaceLimit, modelType: config.model_type };
    const settings = await tokenizerConfig(tokenizer.files, { ...options, forJs });
    files.set(TOKENIZER_CONFIG, settings);
  }
  const records = [
    [TRAINING_FILE, training],
    [COMPRESSION_FILE, compression],
  ] as const;
  for (const [name, record] of records)
    if (record != null) files.set(name, `${JSON.stringify(record, null, 2)}\n`);
  return files;
}

/**
 * Returns a function from a weight to its name in the file; an equalizer is named after the first weight that it belongs to.
 */
function fileNames(
  graph: EncoderGraph,
  names: ReadonlyMap<string, string>,
): (weight: string) => string {
  const own = new Map(names);
  for (const node of graph.nodes) {
    const [first = ''] = node.op === 'linear' ? node.weights : [];
    if (node.op !== 'linear' || node.equalizer === undefined) continue;
    own.set(node.equalizer, equalizerName(names.get(first) ?? first));
  }
  return (weight) => own.get(weight) ?? weight;
}

/** The tensors of a weight in storage `dtype`, one for each part. */
function tensorsToWrite(
  program: NativeProgram,
  weight: WeightSpec,
  tensor: string,
  dtype: WeightDtype,
): TensorToWrite[] {
  return STORAGES[dtype].parts.map((part, index) => ({
    name: partTensor(tensor, part),
    shape: part.shapeOf(weight.shape),
    dtype: part.tensor,
    data: () => partPieces(program, weight, dtype, index),
  }));
}

async function* partPieces(
  { store }: NativeProgram,
  weight: WeightSpec,
  dtype: WeightDtype,
  part: number,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const pieces of readPieces('save', store, weight, dtype)) {
      yield pieces[part] as Uint8Array;
    }
  } catch (error) {
    if (!(error instanceof SinterError) || error.code !== 'INVALID_DATA') throw error;
    throw new SinterError(error.code, `save: ${error.message}; save it with dtype "f32"`, {
      cause: error,
    });
  }
}
