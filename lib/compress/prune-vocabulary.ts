/**
 * Makes a smaller model by removing the tokens that the given texts do not have: rows of the token table, and of the output of
 * a masked language model. The tokenizer is rewritten to match.
 *
 * The rule: texts whose tokens all stay are cut into the same pieces as before and get the same bits. Every call checks this
 * over all of its texts.
 */

import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import { cutVocabulary, idsBelowPositions } from '../graph/rewrite/cut-vocabulary.js';
import { storedBytes } from '../graph/rewrite/quantize.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import {
  type PrunableTokenizer,
  prunableTokenizer,
  prunedTokenizer,
} from '../tokenize/prune-tokenizer.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import { chooseTokens } from './choose-tokens.js';
import { compareTokens, countTokens, type TextForms } from './compare-tokens.js';
import { corpusOf, type Texts } from './vocabulary-corpus.js';

/** Options of `pruneVocabulary`. */
export interface PruneVocabularyOptions {
  /** How often a token must occur in the texts to stay. Above 1, texts with rare tokens are cut into others. Default: 1. */
  readonly minCount?: number;
  /** Tokens that stay whatever the texts are, as the vocabulary spells them: `hello`, `##ing`, `Ġworld`. */
  readonly keep?: readonly string[];
  /** Most tokens that stay; the rarest go first. Default: no limit. */
  readonly maxTokens?: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** What `pruneVocabulary` did. */
export interface VocabularyReport {
  /** Rows of the token table. */
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  /** Bytes of all weights in a file that `save` writes by default. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Share of the texts, from 0 to 1, that have the same tokens as before; 1 unless `minCount` or `maxTokens` took some. */
  readonly unchangedTexts: number;
}

const OPTIONS: KnownOptions<PruneVocabularyOptions> = {
  ...{ minCount: true, keep: true, maxTokens: true, signal: true },
};

/** Most times that tokens are added back; each time reads all texts. */
const MAX_ROUNDS = 16;

/**
 * The smaller model; the old one stays usable. `texts` are those that the model will read, or as many like them as there are.
 * Always kept are special and added tokens, those that config.json names, and what any text is made of: for WordPiece and Unigram the
 * single characters, for BPE also the parts of all tokens that stay. Throws UNSUPPORTED_MODEL for another kind of tokenizer,
 * RangeError for `keep` or `maxTokens` that this vocabulary does not allow.
 */
export async function pruneVocabulary(
  where: string,
  parts: ModelParts,
  source: NativeProgram,
  texts: Texts,
  options: PruneVocabularyOptions,
): Promise<{ readonly parts: ModelParts; readonly report: VocabularyReport }> {
  const read = readOptions(where, options, OPTIONS);
  const minCount = read.count('minCount', 1);
  const maxTokens = read.count('maxTokens', undefined);
  const signal = read.signal();
  const { graph } = parts;
  const before = await prunableTokenizer(where, parts.tokenizer);
  const keep = keptByName(where, before, options.keep);
  await using corpus = await corpusOf(where, texts, signal);
  const prompts = [...new Set(['', ...Object.values(parts.sentence?.prompts ?? {})])];
  const forms: TextForms = { where, corpus, prompts, signal };
  const counts = await countTokens(forms, parts.tokenizer, Math.max(before.size, graph.vocabulary));
  const vectors = graph.vocabulary;
  const always = [...before.always, ...keep, ...namedIds(parts)];
  const chosen = chooseTokens(where, {
    ...{ counts, always, minCount, vectors, maxTokens: maxTokens ?? Number.POSITIVE_INFINITY },
    withParts: (id) => before.kind.withParts(id),
  });
  const isExact = minCount === 1 && maxTokens === undefined;
  const { kept, tokenizer, unchanged } = await reducedTokenizer(forms, before, chosen, isExact);
  const rows = kept.filter((id) => id < vectors);
  const { graph: smaller, cuts } = cutVocabulary(graph, rows);
  tokenizer.useFor({ vectors: rows.length, segments: graph.segments, path: parts.path });
  const program = await deriveProgram(
    smaller,
    source.store,
    { trainable: false, where, signal },
    { cuts },
  );
  // An adapter belongs to the weights as they were.
  const { adapter: _, ...rest } = parts;
  const config = prunedConfig(parts, before, kept);
  const made = { graph: smaller, program: new SharedProgram(program), tokenizer, config };
  return {
    parts: { ...rest, ...made, isChanged: true },
    report: {
      ...{ tokensBefore: vectors, tokensAfter: rows.length, unchangedTexts: unchanged },
      ...{ bytesBefore: bytesOf(graph), bytesAfter: bytesOf(smaller) },
    },
  };
}

function bytesOf({ weights }: EncoderGraph): number {
  return weights.reduce((sum, weight) => sum + storedBytes(weight), 0);
}

/** The ids of the tokens that the caller keeps. */
function keptByName(
  where: string,
  { tokenizer }: PrunableTokenizer,
  keep: readonly string[] = [],
): number[] {
  if (!Array.isArray(keep)) throw typeMistake(`${where}: keep`, 'an array of tokens', keep);
  return keep.map((token: unknown, i) => {
    const at = `${where}: keep[${i}]`;
    if (typeof token !== 'string') throw typeMistake(at, 'a token', token);
    const id = tokenizer.tokenToId(token);
    if (id === null) throw rangeMistake(at, 'a token of the vocabulary', token);
    return id;
  });
}

/** Ids that the model itself names: those below its first position, and those of config.json. */
function namedIds({ graph, config }: ModelParts): number[] {
  const named = tokenKeys(config).flatMap(([, value]) => (Array.isArray(value) ? value : [value]));
  const isRow = (id: unknown): id is number =>
    Number.isInteger(id) && Number(id) >= 0 && Number(id) < graph.vocabulary;
  return [...Array(idsBelowPositions(graph)).keys(), ...named].filter(isRow);
}

/** The keys of a config.json that hold ids of tokens: `pad_token_id` and the like. */
function tokenKeys(config: JsonObject): [string, JsonValue][] {
  return Object.entries(config).filter(([key]) => key.endsWith('_token_id'));
}

interface Reduced {
  /** Ids in increasing order: the old id of each new one. */
  readonly kept: readonly number[];
  readonly tokenizer: TextTokenizer;
  /** Share of the texts. */
  readonly unchanged: number;
}

/**
 * A tokenizer over the chosen tokens, compared with the old one over all texts. WordPiece fails at a word where its longest
 * pieces lead nowhere; without these pieces it would go another way, so they are added back if the result must be exact.
 */
async function reducedTokenizer(
  forms: TextForms,
  before: PrunableTokenizer,
  chosen: Set<number>,
  isExact: boolean,
): Promise<Reduced> {
  const { where } = forms;
  const old = before.tokenizer;
  const { tokens, taken } = before.kind;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const kept = [...chosen].sort((a, b) => a - b);
    const tokenizer = await prunedTokenizer(where, before, kept);
    let first: number | null = null;
    const missing = new Set<number>();
    const found = await compareTokens(forms, old, tokenizer, kept, ({ text, ...ids }) => {
      const isWhole = ids.before.every((id) => chosen.has(id));
      const isKnown = old.unknownId === null || !ids.before.includes(old.unknownId);
      if (isExact || (isWhole && isKnown)) first ??= text;
      if (!isExact) return;
      const pieces = Array.from(ids.after, (id) => tokens.get(id) ?? '');
      for (const id of taken(pieces)) if (!chosen.has(id)) missing.add(id);
    });
    if (first === null) return { kept, tokenizer, unchanged: found.unchanged / found.texts };
    if (missing.size === 0) throw otherPieces(where, before, first);
    for (const id of missing) chosen.add(id);
  }
  throw otherPieces(where, before, null);
}

function otherPieces(where: string, { from }: PrunableTokenizer, text: number | null): SinterError {
  const which = text === null ? 'some texts' : `texts[${text}]`;
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${where}: ${from.source} cuts ${which} into other tokens without those that no text has`,
    { details: { file: from.source } },
  );
}

/** config.json with the new ids; ids that no row has stay as they are. */
function prunedConfig(
  { config, graph }: ModelParts,
  { padding }: PrunableTokenizer,
  kept: readonly number[],
): JsonObject {
  const numbers = new Map(kept.map((id, now) => [id, now]));
  const renumbered = (id: JsonValue): JsonValue =>
    typeof id === 'number' && id < graph.vocabulary ? (numbers.get(id) ?? id) : id;
  const named = tokenKeys(config).map(([key, value]) => [
    key,
    Array.isArray(value) ? (value as readonly JsonValue[]).map(renumbered) : renumbered(value),
  ]);
  const rows = kept.filter((id) => id < graph.vocabulary).length;
  // Readers take the id of the family where none is stated, which was right before.
  const moved = padding !== null && numbers.get(padding) !== padding;
  const states = moved && config.pad_token_id === undefined && Object.keys(config).length > 0;
  return {
    ...config,
    ...Object.fromEntries(named),
    ...(states && { pad_token_id: numbers.get(padding) ?? null }),
    ...(config.vocab_size !== undefined && { vocab_size: rows }),
    ...(config.pad_vocab_size_multiple !== undefined && { pad_vocab_size_multiple: 1 }),
  };
}
