/**
 * What the served models of all tasks share: facts about the model, tokens of texts, and refusals of other tasks.
 *
 * The rule: a task's file adds the calls of its task; every other call rejects with WrongTask.
 */
import type { BatcherMetrics } from '../../batching/batch-metrics.js';
import { typeMistake } from '../../core/errors.js';
import type { Priority } from '../../core/priority.js';
import { insideOf, type TextModel } from '../../models/text-model.js';
import type { TokenCount } from '../../monitor/index.js';
import { promptText } from '../../runtime/prompts.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import {
  type ServedInfo,
  type ServedModel,
  type ServedTask,
  type ServedToken,
  WrongTask,
} from '../contract.js';

/** What the server does with a batcher beside its calls. */
export type AnyBatcher = AsyncDisposable & {
  metrics(): BatcherMetrics;
  estimatedWaitMs(priority: Priority): number | null;
};

/** The calls of a task over its batchers. */
export interface ServedTaskModel {
  readonly served: ServedModel;
  /** Those that were made so far. */
  readonly batchers: () => readonly AnyBatcher[];
}

/** A model that is loaded, with what the server needs beside its calls. */
export interface LoadedModel {
  readonly served: ServedModel;
  readonly batchers: () => readonly AnyBatcher[];
  /** Token that marks a gap, of a masked language model; else null. */
  readonly maskToken: string | null;
  readonly countTokens: (text: TextInput) => Promise<TokenCount>;
  /** Frees the model when its running calls have ended. */
  dispose(): Promise<void>;
}

/** What a model of each task does, for messages. */
export const DOES: Readonly<Record<ServedTask, string>> = {
  embed: 'gives vectors',
  classify: 'classifies texts',
  tag: 'finds entities',
  answer: 'answers questions',
  rerank: 'scores pairs',
  'fill-mask': 'fills masks',
};

/** A served model all of whose tasks are refused. */
export function servedBase(info: ServedInfo, model: TextModel): ServedModel {
  const refuse = (task: ServedTask) => async (): Promise<never> => {
    const name = JSON.stringify(info.name);
    throw new WrongTask(`the model ${name} ${DOES[info.task]}; none here that ${DOES[task]}`);
  };
  return {
    info,
    embed: refuse('embed'),
    embedTokens: refuse('embed'),
    classify: refuse('classify'),
    tag: refuse('tag'),
    answer: refuse('answer'),
    rerank: refuse('rerank'),
    fillMask: refuse('fill-mask'),
    tokenize: (texts, request) => tokenize(model, texts, request),
    decode: (ids, options) =>
      Promise.all(
        ids.map((list, i) =>
          model.decode(list, options).catch((error) => rethrow(error, `ids[${i}]`)),
        ),
      ),
  };
}

async function tokenize(
  model: TextModel,
  texts: readonly string[],
  { addSpecialTokens, promptName }: Parameters<ServedModel['tokenize']>[1],
): Promise<readonly (readonly ServedToken[])[]> {
  const { sentence, tokenizer } = insideOf(model).parts;
  const { specialIds } = tokenizer;
  const prompt = promptOf(sentence, promptName);
  const found: (readonly ServedToken[])[] = [];
  for (const [i, text] of texts.entries()) {
    if (typeof text !== 'string') throw typeMistake(`inputs[${i}]`, 'a string', text);
    const { ids, tokens, starts, ends } = await model
      .tokenize(prompt + text, { addSpecialTokens })
      .catch((error) => rethrow(error, `inputs[${i}]`));
    found.push(
      Array.from(ids, (id, at) => {
        const [start = 0, stop = 0] = [starts[at], ends[at]];
        const special = specialIds.has(id) && start === stop;
        const place = special ? { start: null, stop: null } : { start, stop };
        return { id, text: tokens[at] ?? '', special, ...place };
      }),
    );
  }
  return found;
}

function promptOf(sentence: Parameters<typeof promptText>[1], name: string | undefined): string {
  if (name === undefined) return '';
  try {
    return promptText('tokenize', sentence, name);
  } catch (error) {
    return rethrow(error, '');
  }
}

/** An argument mistake with the name that the input has in a request. */
function rethrow(error: unknown, input: string): never {
  if (error instanceof TypeError || error instanceof RangeError) {
    error.message = error.message
      .replace(/^(?:\w+: )?(?:texts\[0\]|text|ids)(?=\W)/, input)
      .replace(/^\w+: /, '');
  }
  throw error;
}
