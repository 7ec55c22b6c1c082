/**
 * The special tokens that a tokenizer.json puts around a text, and the segments that it gives a pair.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/** Deeper sequences are refused by the package. */
const MAX_DEPTH = 128;

/** Texts of the special tokens before and after a single text; null where there is no template. */
export function endsOf(
  processor: JsonValue | undefined,
  depth = 0,
): { readonly before: readonly string[]; readonly after: readonly string[] } | null {
  if (!isJsonObject(processor) || depth > MAX_DEPTH) return null;
  if (processor.type === 'Sequence') {
    const parts = Array.isArray(processor.processors) ? processor.processors : [];
    return (
      parts.map((part) => endsOf(part as JsonValue, depth + 1)).find((ends) => ends !== null) ??
      null
    );
  }
  const { cls, sep, single } = processor;
  if (Array.isArray(cls) && Array.isArray(sep)) {
    return { before: [String(cls[0])], after: [String(sep[0])] };
  }
  if (!Array.isArray(single)) return null;
  const pieces = single.filter(isJsonObject);
  const text = pieces.findIndex((piece) => isJsonObject(piece.Sequence));
  const names = (from: readonly JsonObject[]) =>
    from.flatMap(({ SpecialToken: token }) => (isJsonObject(token) ? [String(token.id)] : []));
  return { before: names(pieces.slice(0, text)), after: names(pieces.slice(text + 1)) };
}

/** A template of these tokens around each text of a pair; null when the vocabulary lacks one. */
export function templateOf(
  tokenizer: JsonObject,
  before: readonly string[],
  after: readonly string[],
): JsonObject | null {
  const special_tokens: Record<string, JsonValue> = {};
  for (const token of [...before, ...after]) {
    const id = idOf(tokenizer, token);
    if (id === null) return null;
    special_tokens[token] = { id: token, ids: [id], tokens: [token] };
  }
  const around = (id: 'A' | 'B', type_id: number): JsonObject[] => [
    ...before.map((token) => ({ SpecialToken: { id: token, type_id } })),
    { Sequence: { id, type_id } },
    ...after.map((token) => ({ SpecialToken: { id: token, type_id } })),
  ];
  const single = around('A', 0);
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, ...around('B', 1)],
    special_tokens,
  };
}

/**
 * The post-processor with all tokens of segment 0, for models that get no segments in Python; the same object when nothing
 * changes.
 */
export function withoutSegments(tokenizer: JsonObject): JsonObject {
  const own = tokenizer.post_processor ?? null;
  const processor = own === null ? null : zeroed(own);
  if (processor !== null && endsOf(processor) !== null) {
    if (processor === own) return tokenizer;
    return { ...tokenizer, post_processor: processor };
  }
  // Without a template the package would number the texts.
  const text = (id: 'A' | 'B'): JsonObject => ({ Sequence: { id, type_id: 0 } });
  const both = {
    type: 'TemplateProcessing',
    single: [text('A')],
    pair: [text('A'), text('B')],
    special_tokens: {},
  };
  const post_processor =
    processor === null ? both : { type: 'Sequence', processors: [processor, both] };
  return { ...tokenizer, post_processor };
}

/** The template with all segments 0; the same object when they are. */
function zeroed(processor: JsonValue, depth = 0): JsonValue {
  if (!isJsonObject(processor) || depth > MAX_DEPTH) return processor;
  if (processor.type === 'Sequence' && Array.isArray(processor.processors)) {
    const own = processor.processors as readonly JsonValue[];
    const parts = own.map((part) => zeroed(part, depth + 1));
    return parts.every((part, i) => part === own[i])
      ? processor
      : { ...processor, processors: parts };
  }
  if (processor.type === 'BertProcessing') return bertTemplate(processor);
  const { single, pair } = processor;
  const flat = { single: flatPieces(single), pair: flatPieces(pair) };
  return flat.single === single && flat.pair === pair ? processor : { ...processor, ...flat };
}

function flatPieces(pieces: JsonValue | undefined): JsonValue {
  if (!Array.isArray(pieces)) return pieces as JsonValue;
  const own = pieces as readonly JsonValue[];
  const flat = own.map((piece) => {
    const [entry] = isJsonObject(piece) ? Object.entries(piece) : [];
    if (entry === undefined || !isJsonObject(entry[1]) || entry[1].type_id === 0) return piece;
    return { [entry[0]]: { ...entry[1], type_id: 0 } };
  });
  return flat.every((piece, i) => piece === own[i]) ? own : flat;
}

function bertTemplate({ cls, sep }: JsonObject): JsonObject {
  const [first, last] = [cls, sep].map((pair) => (Array.isArray(pair) ? pair : []));
  const special = (pair: readonly JsonValue[] = []) => ({
    SpecialToken: { id: String(pair[0]), type_id: 0 },
  });
  const text = (id: 'A' | 'B') => ({ Sequence: { id, type_id: 0 } });
  const single = [special(first), text('A'), special(last)];
  const entries = [first, last].map((pair = []) => {
    const name = String(pair[0]);
    return [name, { id: name, ids: [pair[1] ?? 0], tokens: [name] }] as const;
  });
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, text('B'), special(last)],
    special_tokens: Object.fromEntries(entries),
  };
}

function idOf(tokenizer: JsonObject, token: string): number | null {
  const added = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : [];
  const found = added.find((one) => isJsonObject(one) && one.content === token);
  if (isJsonObject(found) && typeof found.id === 'number') return found.id;
  const vocab = isJsonObject(tokenizer.model) ? tokenizer.model.vocab : undefined;
  const id = isJsonObject(vocab) && Object.hasOwn(vocab, token) ? vocab[token] : null;
  return typeof id === 'number' ? id : null;
}
