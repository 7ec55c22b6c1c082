/**
 * Reads texts with two tokenizers, the second of which has some tokens of the first, and finds the texts whose tokens differ.
 */

import { throwIfAborted } from '../core/errors.js';
import { withPrompt } from '../runtime/prompts.js';
import type { EncodedTexts, TextInput, TextTokenizer } from '../tokenize/text-tokenizer.js';
import type { Corpus } from './vocabulary-corpus.js';

/** No text is cut: the limit of the tokenizer itself. */
const NO_LIMIT = 2 ** 31 - 1;

/** The texts of a call and the forms in which the model may read each: as it is, and behind each of its prompts. */
export interface TextForms {
  readonly where: string;
  readonly corpus: Corpus;
  /** Prompts; '' is none. */
  readonly prompts: readonly string[];
  readonly signal: AbortSignal | undefined;
}

interface EncodedForm {
  /** Number of the first text. */
  readonly first: number;
  /** Index of the prompt. */
  readonly prompt: number;
  readonly encoded: readonly EncodedTexts[];
}

/** The tokens of all texts in all forms, piece by piece, by each of the tokenizers. */
async function* encodedForms(
  { where, corpus, prompts, signal }: TextForms,
  tokenizers: readonly TextTokenizer[],
): AsyncGenerator<EncodedForm> {
  for await (const { first, texts } of corpus.chunks()) {
    const nameOf = (index: number) => `${where}: texts[${first + index}]`;
    const options = { maxTokens: NO_LIMIT, where, signal, nameOf };
    for (const [prompt, words] of prompts.entries()) {
      throwIfAborted(signal, where);
      const inputs = words === '' ? texts : texts.map((text: TextInput) => withPrompt(words, text));
      const encoded: EncodedTexts[] = [];
      for (const tokenizer of tokenizers) encoded.push(await tokenizer.encode(inputs, options));
      yield { first, prompt, encoded };
    }
  }
}

/** How often each id below `size` occurs, in the form in which it occurs most often. */
export async function countTokens(
  forms: TextForms,
  tokenizer: TextTokenizer,
  size: number,
): Promise<Float64Array> {
  const counts = forms.prompts.map(() => new Float64Array(size));
  for await (const { prompt, encoded } of encodedForms(forms, [tokenizer])) {
    const own = counts[prompt] as Float64Array;
    for (const id of encoded[0]?.ids ?? []) own[id] = (own[id] ?? 0) + 1;
  }
  const [most = new Float64Array(size), ...others] = counts;
  for (const other of others) {
    for (const [id, count] of other.entries()) most[id] = Math.max(most[id] ?? 0, count);
  }
  return most;
}

export interface TextDifference {
  /** Number of the text. */
  readonly text: number;
  /** Its ids before. */
  readonly before: Int32Array;
  /** Its ids now, by their old numbers. */
  readonly after: Int32Array;
}

/** Numbers of texts. */
export interface Compared {
  readonly texts: number;
  /** Those whose tokens are the same in all forms. */
  readonly unchanged: number;
}

/** Compares all texts; `differs` gets each form of a text whose tokens are not the same. `kept`: the old id of each new one. */
export async function compareTokens(
  forms: TextForms,
  before: TextTokenizer,
  after: TextTokenizer,
  kept: readonly number[],
  differs: (difference: TextDifference) => void,
): Promise<Compared> {
  let [texts, unchanged] = [0, 0];
  let changed = new Set<number>();
  for await (const { first, prompt, encoded } of encodedForms(forms, [before, after])) {
    const [old, now] = encoded as [EncodedTexts, EncodedTexts];
    const count = old.offsets.length - 1;
    for (let i = 0; i < count; i++) {
      const ids = old.ids.subarray(old.offsets[i], old.offsets[i + 1]);
      const own = now.ids.subarray(now.offsets[i], now.offsets[i + 1]);
      if (ids.length === own.length && ids.every((id, t) => kept[own[t] ?? -1] === id)) continue;
      changed.add(i);
      differs({ text: first + i, before: ids, after: own.map((id) => kept[id] ?? -1) });
    }
    if (prompt + 1 < forms.prompts.length) continue;
    texts += count;
    unchanged += count - changed.size;
    changed = new Set();
  }
  return { texts, unchanged };
}
