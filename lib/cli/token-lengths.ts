/**
 * Counts the tokens of texts for a model: its tokenizer and its limit are read; its weights only where an ONNX file holds them.
 */
import { graphFromCheckpoint } from '../architectures/index.js';
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { findOnnxFile } from '../checkpoint/find-onnx.js';
import { readFilesBeside } from '../checkpoint/onnx/beside-onnx.js';
import { readQuantizedTensors, withoutQuantizationConfig } from '../checkpoint/quantized-folder.js';
import { readHfFolder } from '../formats/hf-folder.js';
import { OnnxModel } from '../models/onnx-model.js';
import { folderTask } from '../tasks/folder-task.js';
import { loadTokenizer, type TextInput, type TextTokenizer } from '../tokenize/text-tokenizer.js';
import { usageMistake } from './arguments.js';
import { modelPath } from './open-model.js';

/** Longest length that is counted; longer texts count as this long. */
const MAX_TOKENS = 2 ** 20;

export interface TokenCounter {
  /** Name of the model in messages. */
  readonly model: string;
  /** The model's limit of tokens, at which longer texts are cut. */
  readonly maxTokens: number;
  count(texts: readonly TextInput[], signal: AbortSignal): Promise<TokenCounts>;
}

export interface TokenCounts {
  /** Tokens of each text. */
  readonly lengths: readonly number[];
  /** Tokens of all texts that stand for what the vocabulary lacks. */
  readonly unknown: number;
}

/** The counter of a model folder; without a name, of the embedded model. */
export async function tokenCounter(name: string | undefined): Promise<TokenCounter> {
  const path = (await modelPath(name)) ?? EMBEDDED_MODEL;
  const file = await findOnnxFile(path);
  if (file !== null) return onnxCounter(file, name ?? file);
  const folder = await readHfFolder(path);
  try {
    const tokenizer = await loadTokenizer(folder.tokenizerPath);
    const { task } = await folderTask(path);
    const { tensors } = readQuantizedTensors(path, folder.config, folder.tensors);
    const config = withoutQuantizationConfig(folder.config);
    const { sentence, modelMaxLength } = folder;
    const checkpoint = { path, config, tensors, sentence, modelMaxLength };
    const { maxTokens } = graphFromCheckpoint(checkpoint, { task }).graph;
    return {
      model: name ?? 'all-MiniLM-L6-v2',
      maxTokens,
      count: (texts, signal) => countTokens(tokenizer, texts, signal),
    };
  } finally {
    await folder.close();
  }
}

/** The counter of an ONNX file, whose limit only its graph tells. */
async function onnxCounter(file: string, model: string): Promise<TokenCounter> {
  const { hasTokenizer, tokenizerPath } = await readFilesBeside(file);
  if (!hasTokenizer) throw usageMistake(`--model: there is no tokenizer.json beside ${file}`);
  await using onnx = await OnnxModel.load(file);
  const tokenizer = await loadTokenizer(tokenizerPath);
  return {
    model,
    maxTokens: onnx.maxTokens,
    count: (texts, signal) => countTokens(tokenizer, texts, signal),
  };
}

async function countTokens(
  tokenizer: TextTokenizer,
  texts: readonly TextInput[],
  signal: AbortSignal,
): Promise<TokenCounts> {
  const { ids, offsets } = await tokenizer.encode(texts, {
    where: 'check',
    maxTokens: MAX_TOKENS,
    signal,
  });
  const { unknownId } = tokenizer;
  let unknown = 0;
  for (const id of ids) if (id === unknownId) unknown++;
  const lengths = texts.map((_, i) => (offsets[i + 1] ?? 0) - (offsets[i] ?? 0));
  return { lengths, unknown };
}
