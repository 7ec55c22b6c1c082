/**
 * Texts to token ids, through the `tokenizers` package, as flat ragged arrays.
 *
 * Texts are checked before the package sees them: a failure of it is a fault of its file.
 */

import type { Encoding } from 'tokenizers';
import { rangeMistake, show, throwIfAborted, typeMistake } from '../core/errors.js';
import { type AlignedTexts, Aligner, joinAligned } from './aligned-texts.js';
import { SpecialNames } from './special-names.js';
import { type CutRule, cutLength, cutRuleOf, cutText } from './text-cut.js';
import { checkTokenizer } from './tokenizer-check.js';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';
import { TokenizerInstances } from './tokenizer-instances.js';
import { utf16Index } from './utf16-offsets.js';

/** One text, or a pair (question and context, premise and hypothesis). */
export type TextInput = string | readonly [string, string];

/** Token ids of many texts back to back: text i has ids[offsets[i]] up to ids[offsets[i + 1]]. */
export interface EncodedTexts {
  readonly ids: Int32Array;
  /** One more entry than texts. */
  readonly offsets: Int32Array;
  /** Segment of each token (0, or 1 for the second text of a pair). */
  readonly segments: Int32Array;
  /** How many texts were longer than the limit. */
  readonly truncated: number;
}

export interface EncodeOptions {
  /** Limit per text or pair, special tokens included. */
  readonly maxTokens: number;
  /**
   * true (default): longer texts are cut, the longer of a pair first. false: a longer text is a
   * RangeError.
   */
  readonly truncate?: boolean;
  readonly signal?: AbortSignal | undefined;
  /**
   * Number of texts[0] in messages, for callers that hand over their texts in pieces. Default: 0.
   */
  readonly firstIndex?: number;
  /** What texts[i] is called in messages. Default: `texts[i]`, counted from firstIndex. */
  readonly nameOf?: (index: number) => string;
}

export interface WindowOptions {
  /** Limit per window, special tokens and first text included. */
  readonly maxTokens: number;
  readonly stride: number;
  readonly signal?: AbortSignal | undefined;
  /** What pairs[i] is called in messages. */
  readonly nameOf: (index: number) => string;
}

/**
 * Tokens of one text with their places in it, special tokens included (those have start = end = 0).
 */
export interface TokensWithOffsets {
  readonly ids: Int32Array;
  readonly tokens: readonly string[];
  /** UTF-16 units: text.slice(starts[i], ends[i]) is what token i stands for. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * Texts per call of the package, and their total length. What it returns is unpacked on the JavaScript thread, so this
 * bounds for how long nothing else can run there: about a millisecond.
 */
const CHUNK_TEXTS = 128;
const CHUNK_CHARS = 1 << 15;

/**
 * Loads the tokenizer of a model folder (tokenizer.json, else vocab.txt). `lowercase` lowers texts
 * first, whatever the tokenizer does by itself. Throws CORRUPT_MODEL with the file.
 */
export async function loadTokenizer(
  folder: string,
  options: { readonly lowercase?: boolean } = {},
): Promise<TextTokenizer> {
  return TextTokenizer.fromFiles(await readTokenizerFiles(folder), options.lowercase ?? false);
}

/** Make it with loadTokenizer. Calls may overlap. */
export class TextTokenizer {
  /** Text of the tokenizer files by name, for saving beside a model. */
  readonly files: ReadonlyMap<string, string>;
  private readonly instances: TokenizerInstances;
  private readonly cutRule: CutRule | null;
  private readonly aligner: Aligner;
  private readonly named: SpecialNames;

  private constructor(from: TokenizerFiles, json: string) {
    this.files = from.files;
    const side = from.config.truncation_side === 'left' ? 'left' : 'right';
    this.cutRule = side === 'right' ? cutRuleOf(from.tokenizer) : null;
    checkTokenizer(from.tokenizer, from.source);
    this.instances = new TokenizerInstances(json, from.source, side);
    this.aligner = new Aligner(from.tokenizer);
    this.named = new SpecialNames(from);
  }

  /** Number of ids, added tokens included. */
  get vocabulary(): number {
    return this.instances.vocabulary;
  }

  /** Ids of all special tokens. */
  get specialIds(): ReadonlySet<number> {
    return this.named.ids;
  }

  /** The token that stands for one to be guessed; null when the tokenizer has none. */
  get maskToken(): { readonly content: string; readonly id: number } | null {
    const content = this.named.mask;
    const id = content === null ? null : this.tokenToId(content);
    return content === null || id === null ? null : { content, id };
  }

  /** From files that are already in memory. */
  static fromFiles(from: TokenizerFiles, lowercase = false): TextTokenizer {
    const { normalizer = null } = from.tokenizer;
    const lower = { type: 'Lowercase' };
    const both =
      normalizer === null ? lower : { type: 'Sequence', normalizers: [lower, normalizer] };
    if (!lowercase) return new TextTokenizer(from, from.files.get('tokenizer.json') ?? '');
    const tokenizer = { ...from.tokenizer, normalizer: both };
    const json = JSON.stringify(tokenizer);
    // Saved files must do by themselves what this tokenizer does.
    const files = new Map([...from.files, ['tokenizer.json', json]]);
    return new TextTokenizer({ ...from, tokenizer, files }, json);
  }

  /**
   * Token ids of all texts. Throws TypeError or RangeError naming texts[i]. The work is done off
   * the JavaScript thread, in chunks, with `signal` looked at between them.
   */
  async encode(texts: readonly TextInput[], options: EncodeOptions): Promise<EncodedTexts> {
    const { maxTokens, truncate = true, signal, firstIndex = 0 } = options;
    const { nameOf = (index) => `texts[${firstIndex + index}]` } = options;
    for (const [i, text] of texts.entries()) checkText(nameOf(i), text);
    await this.instances.checkLimit(maxTokens, texts);
    const tokenizer = this.instances.limit(maxTokens);
    const parts: TokenChunk[] = [];
    const longest = this.cutRule === null ? Number.POSITIVE_INFINITY : cutLength(maxTokens);
    let truncated = 0;
    for (let begin = 0; begin < texts.length; ) {
      throwIfAborted(signal, 'encode');
      const end = chunkEnd(texts, begin, longest);
      const chunk = texts.slice(begin, end);
      const encodings = await this.encodeChunk(tokenizer, chunk, maxTokens);
      for (const [i, encoding] of encodings.entries()) {
        if (isTruncated(encoding, maxTokens)) {
          if (!truncate) {
            await this.refuse(texts[begin + i] ?? '', nameOf(begin + i), maxTokens);
          }
          truncated++;
        }
      }
      parts.push(unpack(encodings));
      begin = end;
    }
    return { ...join(parts, texts.length), truncated };
  }

  /** Tokens of one text with UTF-16 offsets, the whole text, special tokens included. */
  async encodeWithOffsets(text: string): Promise<TokensWithOffsets> {
    checkText('texts[0]', text);
    const encoding = await this.instances.encodeOne(this.instances.whole, text);
    const index = utf16Index(text);
    const offsets = encoding.getOffsets();
    return {
      ids: Int32Array.from(encoding.getIds()),
      tokens: encoding.getTokens(),
      starts: Int32Array.from(offsets, ([start]) => index(start ?? 0)),
      ends: Int32Array.from(offsets, ([, end]) => index(end ?? 0)),
    };
  }

  /** As `encode`, with the places of the tokens in their texts. */
  async encodeAligned(
    texts: readonly TextInput[],
    { maxTokens, truncate = true, signal, firstIndex = 0 }: EncodeOptions,
  ): Promise<AlignedTexts> {
    for (const [i, text] of texts.entries()) checkText(`texts[${firstIndex + i}]`, text);
    await this.instances.checkLimit(maxTokens, texts);
    const tokenizer = this.instances.limit(maxTokens);
    return this.align(texts, signal, async (i, text) => {
      const [encoding] = await this.encodeChunk(tokenizer, [text], maxTokens);
      const cut = encoding !== undefined && isTruncated(encoding, maxTokens);
      if (cut && !truncate) await this.refuse(text, `texts[${firstIndex + i}]`, maxTokens);
      return { windows: encoding === undefined ? [] : [encoding], cut };
    });
  }

  /**
   * Pairs whose second text may be long: as many windows of at most `maxTokens` as it needs, of which neighbours share
   * `stride` tokens. RangeError, naming the pair by `nameOf`, when the first text leaves no room for that.
   */
  async encodeWindows(
    pairs: readonly (readonly [string, string])[],
    options: WindowOptions,
  ): Promise<AlignedTexts> {
    const { maxTokens, stride, signal, nameOf } = options;
    for (const [i, pair] of pairs.entries()) checkText(nameOf(i), pair);
    await this.instances.checkLimit(maxTokens, pairs);
    return this.align(pairs, signal, async (i, pair) => {
      const windows = await this.instances.encodeWindows(pair, maxTokens, stride);
      if (typeof windows !== 'number') return { windows, cut: false };
      throw rangeMistake(`${nameOf(i)}[0]`, `at most ${Math.max(0, windows)} tokens`, pair[0]);
    });
  }

  private async align<T extends TextInput>(
    texts: readonly T[],
    signal: AbortSignal | undefined,
    encode: (index: number, text: T) => Promise<{ windows: readonly Encoding[]; cut: boolean }>,
  ): Promise<AlignedTexts> {
    const parts: AlignedTexts[] = [];
    for (let begin = 0; begin < texts.length; begin += CHUNK_TEXTS) {
      throwIfAborted(signal, 'encode');
      const chunk = texts.slice(begin, begin + CHUNK_TEXTS);
      const found = await Promise.all(chunk.map((text, i) => encode(begin + i, text)));
      for (const [i, { windows, cut }] of found.entries()) {
        parts.push(this.aligner.align(windows, chunk[i] ?? '', begin + i, cut));
      }
    }
    return joinAligned(parts);
  }

  /** Ids to text, special tokens left out. */
  async decode(ids: Iterable<number>): Promise<string> {
    return this.instances.whole.decode([...ids], true);
  }

  /** Id of a token, or null. */
  tokenToId(token: string): number | null {
    return this.instances.whole.tokenToId(token);
  }

  /**
   * Texts that are cut and then turn out too short for the limit are tried again with more of them.
   */
  private async encodeChunk(
    tokenizer: ReturnType<TokenizerInstances['limit']>,
    texts: readonly TextInput[],
    maxTokens: number,
  ): Promise<Encoding[]> {
    const cut = texts.map((text) => this.cut(text, cutLength(maxTokens)));
    const encodings = await this.instances.encodeAll(tokenizer, cut);
    for (const [i, text] of texts.entries()) {
      let length = cutLength(maxTokens);
      while (cut[i] !== text && !isTruncated(encodings[i] as Encoding, maxTokens)) {
        length *= 4;
        cut[i] = this.cut(text, length);
        encodings[i] = await this.instances.encodeOne(tokenizer, cut[i] ?? '');
      }
    }
    return encodings;
  }

  /** Pairs are left whole: what is kept of one depends on the length of the other. */
  private cut(text: TextInput, length: number): TextInput {
    return typeof text === 'string' && this.cutRule ? cutText(text, length, this.cutRule) : text;
  }

  private async refuse(text: TextInput, name: string, maxTokens: number): Promise<never> {
    const encoding = await this.instances.encodeOne(this.instances.whole, text);
    throw rangeMistake(name, `at most ${maxTokens} tokens`, encoding.getLength());
  }
}

/** A limited encoding is full, and has parts that did not fit. */
function isTruncated(encoding: Encoding, maxTokens: number): boolean {
  return encoding.getLength() >= maxTokens && encoding.getOverflowing().length > 0;
}

/** A text of more than twice `longest` characters is cut to about `longest` before it is tokenized. */
function chunkEnd(texts: readonly TextInput[], begin: number, longest: number): number {
  let chars = 0;
  let end = begin;
  while (end < texts.length && end - begin < CHUNK_TEXTS && chars < CHUNK_CHARS) {
    const text = texts[end] ?? '';
    if (typeof text !== 'string') chars += text[0].length + text[1].length;
    else chars += text.length > 2 * longest ? longest : text.length;
    end++;
  }
  return end;
}

/** Throws TypeError unless `text`, called `name`, is a well-formed string or a pair of them. */
export function checkText(name: string, text: unknown): void {
  const isPair = Array.isArray(text) && text.length === 2;
  const parts: readonly unknown[] = isPair ? text : [text];
  for (const [part, value] of parts.entries()) {
    const where = isPair ? `${name}[${part}]` : name;
    if (typeof value !== 'string') throw typeMistake(where, 'a string or a pair of strings', value);
    if (!value.isWellFormed()) {
      const lone = /\p{Cs}/u.exec(value) as RegExpExecArray;
      const unit = value.charCodeAt(lone.index).toString(16).toUpperCase();
      const found = `a lone surrogate U+${unit} at index ${lone.index}`;
      throw new TypeError(`${where} must be well-formed Unicode, got ${found} in ${show(value)}`);
    }
  }
}

/** Tokens of the texts of one call of the package, back to back, and the length of each text. */
interface TokenChunk {
  readonly ids: Int32Array;
  readonly segments: Int32Array;
  readonly lengths: readonly number[];
}

function unpack(encodings: readonly Encoding[]): TokenChunk {
  const lengths = encodings.map((encoding) => encoding.getLength());
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(total);
  const segments = new Int32Array(total);
  let at = 0;
  for (const [i, encoding] of encodings.entries()) {
    ids.set(encoding.getIds(), at);
    segments.set(encoding.getTypeIds(), at);
    at += lengths[i] ?? 0;
  }
  return { ids, segments, lengths };
}

function join(parts: readonly TokenChunk[], texts: number) {
  const offsets = new Int32Array(texts + 1);
  let text = 0;
  for (const { lengths } of parts) {
    for (const length of lengths) offsets[++text] = (offsets[text - 1] ?? 0) + length;
  }
  const total = offsets[texts] ?? 0;
  const ids = new Int32Array(total);
  const segments = new Int32Array(total);
  let at = 0;
  for (const part of parts) {
    ids.set(part.ids, at);
    segments.set(part.segments, at);
    at += part.ids.length;
  }
  return { ids, offsets, segments };
}
