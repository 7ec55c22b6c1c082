/**
 * Instances of one tokenizer of the `tokenizers` package, one for each length limit.
 *
 * The package keeps the limit as state, shared by calls that are still running; so none is changed after it was handed out.
 * An instance takes 7 MB for 30,000 words: none is made before it is needed.
 */

import { type Encoding, Tokenizer } from 'tokenizers';
import { rangeMistake, SinterError } from '../core/errors.js';
import type { TextInput } from './text-tokenizer.js';

/** Instances kept for different limits. */
const MAX_LIMITS = 4;
export class TokenizerInstances {
  /** Number of ids, added tokens included. */
  readonly vocabulary: number;
  private readonly json: string;
  private readonly source: string;
  private readonly side: 'left' | 'right';
  /** Made by the constructor, which counts the vocabulary; the first that needs an instance takes it. */
  private spare: Tokenizer | null;
  private unlimited: Tokenizer | null = null;
  private readonly limited = new Map<number, Tokenizer>();
  private readonly specials = new Map<boolean, Promise<number>>();

  /** `source` is the file that the tokenizer comes from, for messages; texts are cut at `side`. */
  constructor(json: string, source: string, side: 'left' | 'right') {
    this.json = json;
    this.source = source;
    this.side = side;
    this.spare = this.make();
    this.vocabulary = this.spare.getVocabSize(true);
  }

  /** An instance without a limit, for calls that want all of a text. */
  get whole(): Tokenizer {
    this.unlimited ??= this.take();
    return this.unlimited;
  }

  /** One that cuts at `maxTokens`. */
  limit(maxTokens: number): Tokenizer {
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

  /**
   * The second text in windows of `maxTokens`, each with the first text before it; neighbours share `stride` tokens. A number
   * when the first text leaves no room for that: how many tokens it may have.
   */
  async encodeWindows(
    [first, second]: readonly [string, string],
    maxTokens: number,
    stride: number,
  ): Promise<Encoding[] | number> {
    const plain = { addSpecialTokens: false };
    const encode = (text: string) =>
      this.whole.encode(text, null, plain).catch((cause: unknown) => {
        throw this.broken('cannot encode', cause);
      });
    const [before, windows, specials] = await Promise.all([
      encode(first),
      encode(second),
      this.specialCount(true),
    ]);
    const room = maxTokens - specials - before.getLength();
    // The package would end the process over a stride that fills a window.
    if (room <= stride) return maxTokens - specials - stride - 1;
    // Truncation by the package's own options drops what lies beyond the second window.
    windows.truncate(room, stride, 'right');
    // One by one: of a pair's further windows it would lose the segments.
    return [windows, ...windows.getOverflowing()].map((window) =>
      this.whole.postProcess(before, window, true),
    );
  }

  async encodeOne(tokenizer: Tokenizer, text: TextInput): Promise<Encoding> {
    const [first, second] = typeof text === 'string' ? [text, null] : text;
    return tokenizer.encode(first, second).catch((cause: unknown) => {
      throw this.broken('cannot encode', cause);
    });
  }

  /** The package encodes single texts in one job; pairs only one by one. */
  async encodeAll(tokenizer: Tokenizer, texts: readonly TextInput[]): Promise<Encoding[]> {
    if (!texts.every((text) => typeof text === 'string')) {
      return Promise.all(texts.map((text) => this.encodeOne(tokenizer, text)));
    }
    return tokenizer.encodeBatch([...texts]).catch((cause: unknown) => {
      throw this.broken('cannot encode', cause);
    });
  }

  /** Special tokens of a text or a pair. */
  async specialCount(pairs: boolean): Promise<number> {
    let count = this.specials.get(pairs);
    if (count === undefined) {
      count = this.countSpecials(pairs);
      this.specials.set(pairs, count);
    }
    return count;
  }

  /**
   * The package ignores a limit that leaves no room beside the special tokens, so it must be
   * refused here.
   */
  async checkLimit(maxTokens: number, texts: readonly TextInput[]): Promise<void> {
    const least = (await this.specialCount(texts.some((text) => typeof text !== 'string'))) + 1;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < least || maxTokens > 2 ** 31 - 1) {
      throw rangeMistake('maxTokens', `an integer of at least ${least}`, maxTokens);
    }
  }

  private async countSpecials(pairs: boolean): Promise<number> {
    // The spare one goes back: the call that asks is about to want it for its limit.
    const tokenizer = this.take();
    const empty = await this.encodeOne(tokenizer, pairs ? ['', ''] : '');
    this.spare ??= tokenizer;
    return empty.getLength();
  }

  /** An instance that nobody else has. */
  private take(): Tokenizer {
    const tokenizer = this.spare ?? this.make();
    this.spare = null;
    return tokenizer;
  }

  private make(): Tokenizer {
    try {
      const tokenizer = Tokenizer.fromString(this.json);
      tokenizer.disablePadding();
      tokenizer.disableTruncation();
      return tokenizer;
    } catch (cause) {
      throw this.broken('not a tokenizer', cause);
    }
  }

  /** The texts are checked before, so a failure of the package is a fault of its file. */
  private broken(what: string, cause: unknown): SinterError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new SinterError('CORRUPT_MODEL', `${this.source}: ${what}: ${reason}`, {
      details: { file: this.source },
      cause,
    });
  }
}
