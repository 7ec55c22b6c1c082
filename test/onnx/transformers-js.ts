/** transformers.js as the reader of exports: a folder's tokenizer and files as `from_pretrained` loads them, nothing downloaded. */

import { basename, dirname } from 'node:path';
import {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  env,
  pipeline,
  Tensor,
} from '@huggingface/transformers';
import type { Task } from '../../lib/graph/checkpoint.js';
import type { TextInput } from '../../lib/tokenize/text-tokenizer.js';
import type { Result } from './support.js';

/** What `from_pretrained` takes to load one file of a folder. */
export interface FileChoice {
  readonly dtype: 'fp32' | 'fp16' | 'q8' | 'int8' | 'q4';
  /** Name of a file for which no dtype stands, without `.onnx`. */
  readonly model_file_name?: string;
  readonly use_external_data_format?: boolean;
}

/** The tokens of every text without padding. */
export interface PeerTokens {
  readonly ids: readonly number[][];
  /** null where the tokenizer gives none. */
  readonly segments: readonly number[][] | null;
}

const MODELS = {
  embedding: AutoModel,
  classification: AutoModelForSequenceClassification,
  'token-classification': AutoModelForTokenClassification,
  'question-answering': AutoModelForQuestionAnswering,
  'masked-lm': AutoModelForMaskedLM,
} satisfies Record<Task, unknown>;

/** The name of a folder as `from_pretrained` takes it. */
function nameOf(folder: string): string {
  env.allowRemoteModels = false;
  env.localModelPath = `${dirname(folder)}/`;
  return basename(folder);
}

/** The task's pipeline over model.onnx of the folder. */
export function peerPipeline<T extends Parameters<typeof pipeline>[0]>(task: T, folder: string) {
  return pipeline(task, nameOf(folder), { dtype: 'fp32', local_files_only: true });
}

/** The tokens of the texts in the folder's tokenizer, cut at its limit. */
export async function peerTokens(
  folder: string,
  inputs: readonly TextInput[],
): Promise<PeerTokens> {
  return tokensOf(await tokenize(folder, inputs));
}

/** Loads one file of the folder and runs it on all texts, cut and padded as one batch. */
export async function runPeer(
  folder: string,
  task: Task,
  file: FileChoice,
  inputs: readonly TextInput[],
): Promise<{ tokens: PeerTokens; outputs: Readonly<Record<string, Result>> }> {
  const batch = await tokenize(folder, inputs);
  const options = { ...file, local_files_only: true };
  const model = await MODELS[task].from_pretrained(nameOf(folder), options);
  try {
    const outputs: Readonly<Record<string, unknown>> = await model(batch);
    return { tokens: tokensOf(batch), outputs: numbersOf(outputs) };
  } finally {
    await model.dispose();
  }
}

/** As the tokenizer gives it; its declarations say that it may be arrays, which it is only on request. */
interface Batch {
  readonly input_ids: Tensor;
  readonly attention_mask: Tensor;
  readonly token_type_ids?: Tensor;
}

async function tokenize(folder: string, inputs: readonly TextInput[]): Promise<Batch> {
  const tokenizer = await AutoTokenizer.from_pretrained(nameOf(folder), { local_files_only: true });
  const pairs = inputs.map((input) => (typeof input === 'string' ? [input] : input));
  const firsts = pairs.map(([first = '']) => first);
  const seconds = pairs.flatMap(([, second]) => (second === undefined ? [] : [second]));
  const text_pair = seconds.length > 0 ? seconds : null;
  return tokenizer(firsts, { padding: true, truncation: true, text_pair }) as unknown as Batch;
}

function tokensOf({ input_ids, attention_mask, token_type_ids }: Batch): PeerTokens {
  const mask: bigint[][] = attention_mask.tolist();
  const real = (tensor: Tensor): number[][] =>
    (tensor.tolist() as bigint[][]).map((row, i) =>
      row.filter((_, at) => mask[i]?.[at] === 1n).map(Number),
    );
  return {
    ids: real(input_ids),
    segments: token_type_ids === undefined ? null : real(token_type_ids),
  };
}

function numbersOf(outputs: Readonly<Record<string, unknown>>): Record<string, Result> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) => {
      if (!(value instanceof Tensor)) return [];
      const { dims, data } = value;
      if (!(data instanceof Float32Array)) throw new Error(`${name} is not f32`);
      return [[name, { dims, data }]];
    }),
  );
}
