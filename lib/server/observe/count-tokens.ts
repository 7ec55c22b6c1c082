/** Counts the tokens of a text as a model reads it, and those of them that stand for what its vocabulary lacks. */
import { insideOf, type TextModel } from '../../models/text-model.js';
import type { TokenCount } from '../../monitor/index.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';

/** The counter of a model. Texts over the limit are cut, as the model cuts them. */
export function tokenCounter(model: TextModel): (text: TextInput) => Promise<TokenCount> {
  const { tokenizer, graph } = insideOf(model).parts;
  return async (text) => {
    const { ids } = await tokenizer.encode([text], { maxTokens: graph.maxTokens });
    const { unknownId } = tokenizer;
    const unknown = unknownId === null ? 0 : ids.filter((id) => id === unknownId).length;
    return { tokens: ids.length, unknown: ids.length === 0 ? 0 : unknown / ids.length };
  };
}
