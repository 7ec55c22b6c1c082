/**
 * Texts to token ids, through the `tokenizers` package, as flat ragged arrays.
 *
 * The package's tokenizer keeps its length limit as state, shared by calls that are still running;
 * so each limit has an instance of its own here, and none is changed after it was handed out. An instance takes
 * 7 MB for 30,000 words: none is made before it is needed.
 */

import { type Encoding, Tokenizer } from 'tokenizers';
import { rangeMistake, SinterError, show, throwIfAborted, typeMistake } from '../core/errors.js';
import { type CutRule, cutLength, cutRuleOf, cutText } from './text-cut.js';
import { checkTokenizer } from './tokenizer-check.js';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';
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
/** Instances kept for different limits. */
const MAX_LIMITS = 4;

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
  /** Number of ids, added tokens included. */
  readonly vocabulary: number;
  private readonly json: string;
  private readonly source: string;
  private readonly side: 'left' | 'right';
  private readonly cutRule: CutRule | null;
  /** Made by the constructor, which counts the vocabulary; the first that needs an instance takes it. */
  private spare: Tokenizer | null;
  private unlimited: Tokenizer | null = null;
  private readonly limited = new Map<number, Tokenizer>();
  private readonly specials = new Map<boolean, Promise<number>>();

  private constructor(from: TokenizerFiles, json: string) {
    this.files = from.files;
    this.json = json;
    this.source = from.source;
    this.side = from.config.truncation_side === 'left' ? 'left' : 'right';
    this.cutRule = this.side === 'right' ? cutRuleOf(from.tokenizer) : null;
    checkTokenizer(from.tokenizer, from.source);
    this.spare = this.instance();
    this.vocabulary = this.spare.getVocabSize(true);
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
    await this.checkLimit(maxTokens, texts);
    const tokenizer = this.limit(maxTokens);
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
    const encoding = await this.encodeOne(this.whole, text);
    const index = utf16Index(text);
    const offsets = encoding.getOffsets();
    return {
      ids: Int32Array.from(encoding.getIds()),
      tokens: encoding.getTokens(),
      starts: Int32Array.from(offsets, ([start]) => index(start ?? 0)),
      ends: Int32Array.from(offsets, ([, end]) => index(end ?? 0)),
    };
  }

  /** Ids to text, special tokens left out. */
  async decode(ids: Iterable<number>): Promise<string> {
    return this.whole.decode([...ids], true);
  }

  /** Id of a token, or null. */
  tokenToId(token: string): number | null {
    return this.whole.tokenToId(token);
  }

  /**
   * Texts that are cut and then turn out too short for the limit are tried again with more of them.
   */
  private async encodeChunk(
    tokenizer: Tokenizer,
    texts: readonly TextInput[],
    maxTokens: number,
  ): Promise<Encoding[]> {
    const cut = texts.map((text) => this.cut(text, cutLength(maxTokens)));
    const encodings = await this.encodeAll(tokenizer, cut);
    for (const [i, text] of texts.entries()) {
      let length = cutLength(maxTokens);
      while (cut[i] !== text && !isTruncated(encodings[i] as Encoding, maxTokens)) {
        length *= 4;
        cut[i] = this.cut(text, length);
        encodings[i] = await this.encodeOne(tokenizer, cut[i] ?? '');
      }
    }
    return encodings;
  }

  /** The package encodes single texts in one job; pairs only one by one. */
  private async encodeAll(tokenizer: Tokenizer, texts: readonly TextInput[]): Promise<Encoding[]> {
    if (!texts.every((text) => typeof text === 'string')) {
      return Promise.all(texts.map((text) => this.encodeOne(tokenizer, text)));
    }
    return tokenizer.encodeBatch([...texts]).catch((cause: unknown) => {
      throw this.broken('cannot encode', cause);
    });
  }

  private async encodeOne(tokenizer: Tokenizer, text: TextInput): Promise<Encoding> {
    const [first, second] = typeof text === 'string' ? [text, null] : text;
    return tokenizer.encode(first, second).catch((cause: unknown) => {
      throw this.broken('cannot encode', cause);
    });
  }

  /** The texts are checked before, so a failure of the package is a fault of its file. */
  private broken(what: string, cause: unknown): SinterError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new SinterError('CORRUPT_MODEL', `${this.source}: ${what}: ${reason}`, {
      details: { file: this.source },
      cause,
    });
  }

  /** Pairs are left whole: what is kept of one depends on the length of the other. */
  private cut(text: TextInput, length: number): TextInput {
    return typeof text === 'string' && this.cutRule ? cutText(text, length, this.cutRule) : text;
  }

  private async refuse(text: TextInput, name: string, maxTokens: number): Promise<never> {
    const encoding = await this.encodeOne(this.whole, text);
    throw rangeMistake(name, `at most ${maxTokens} tokens`, encoding.getLength());
  }

  /**
   * The package ignores a limit that leaves no room beside the special tokens, so it must be
   * refused here.
   */
  private async checkLimit(maxTokens: number, texts: readonly TextInput[]): Promise<void> {
    const pairs = texts.some((text) => typeof text !== 'string');
    let specials = this.specials.get(pairs);
    if (specials === undefined) {
      specials = this.countSpecials(pairs);
      this.specials.set(pairs, specials);
    }
    const least = (await specials) + 1;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < least || maxTokens > 2 ** 31 - 1) {
      throw rangeMistake('maxTokens', `an integer of at least ${least}`, maxTokens);
    }
  }

  /** Special tokens of a text or a pair. */
  private async countSpecials(pairs: boolean): Promise<number> {
    // The spare one goes back: the call that asks is about to want it for its limit.
    const tokenizer = this.take();
    const empty = await this.encodeOne(tokenizer, pairs ? ['', ''] : '');
    this.spare ??= tokenizer;
    return empty.getLength();
  }

  /** An instance without a limit, for calls that want all of a text. */
  private get whole(): Tokenizer {
    this.unlimited ??= this.take();
    return this.unlimited;
  }

  private limit(maxTokens: number): Tokenizer {
    let tokenizer = this.limited.get(maxTokens);
    if (tokenizer === undefined) {
      tokenizer = this.take();
      tokenizer.setTruncation(maxTokens, { direction: this.side });
      const [oldest] = this.limited.keys();
      if (this.limited.size >= MAX_LIMITS && oldest !== undefined) this.limited.delete(oldest);
      this.limited.set(maxTokens, tokenizer);
    }
    return tokenizer;
  }

  /** An instance that nobody else has. */
  private take(): Tokenizer {
    const tokenizer = this.spare ?? this.instance();
    this.spare = null;
    return tokenizer;
  }

  private instance(): Tokenizer {
    try {
      const tokenizer = Tokenizer.fromString(this.json);
      tokenizer.disablePadding();
      tokenizer.disableTruncation();
      return tokenizer;
    } catch (cause) {
      throw this.broken('not a tokenizer', cause);
    }
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
