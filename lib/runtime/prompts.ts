/** Prompts of a model: texts that are put in front of an input, as in sentence-transformers. */

import { rangeMistake } from '../core/errors.js';
import type { SentenceSettings } from '../graph/checkpoint.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { ModelParts } from './model-parts.js';

/** The prompt named `name`, else the default one; '' if there is none. Throws RangeError for an unknown name. */
export function promptText(
  where: string,
  settings: Pick<SentenceSettings, 'prompts' | 'defaultPrompt'> | null,
  name: string | undefined,
): string {
  const { prompts = {}, defaultPrompt = null } = settings ?? {};
  const chosen = name ?? defaultPrompt;
  if (chosen === null) return '';
  const text = Object.hasOwn(prompts, chosen) ? prompts[chosen] : undefined;
  if (text !== undefined) return text;
  if (name === undefined) return '';
  const names = Object.keys(prompts).map((known) => JSON.stringify(known));
  throw rangeMistake(`${where}: promptName`, `one of ${names.join(', ') || 'no prompts'}`, name);
}

/**
 * The text with the prompt in front; of a pair, the first text gets it. Other values are returned as they are, for the
 * tokenizer to refuse.
 */
export function withPrompt<T extends TextInput>(prompt: string, text: T): T {
  if (typeof text === 'string') return (prompt + text) as T;
  const isPair = Array.isArray(text) && typeof text[0] === 'string';
  return isPair ? ([prompt + text[0], text[1]] as unknown as T) : text;
}

/**
 * Number of tokens of a prompt that are not pooled, counted as in sentence-transformers: without the special token at the end.
 */
export async function unpooledTokens(
  { tokenizer, sentence }: Pick<ModelParts, 'tokenizer' | 'sentence'>,
  prompt: string,
): Promise<number> {
  if (prompt === '' || (sentence?.includePrompt ?? true)) return 0;
  const { ids } = await tokenizer.encodeWithOffsets(prompt);
  const last = ids.at(-1);
  return last !== undefined && tokenizer.specialIds.has(last) ? ids.length - 1 : ids.length;
}
