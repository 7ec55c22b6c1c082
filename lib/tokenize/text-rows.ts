/**
 * Cuts texts and pairs to a limit of tokens, on the side that the tokenizer says.
 *
 * No more of a text is tokenized than decides which tokens stay. Pairs are cut as Python's tokenizers cut them.
 */

import type { Encoding } from 'tokenizers';
import { rangeMistake } from '../core/errors.js';
import { orCancelled } from '../core/turns.js';
import type { LongWordSource } from './long-words/source.js';
import { pairLengths } from './pair-lengths.js';
import type { PieceTokens } from './piece-tokens.js';
import { checkText } from './text-check.js';
import type { CutRule } from './text-cut.js';
import { firstPiece, TextReader, type TextTokens, type TokenKind } from './text-reader.js';
import type { EncodeOptions, KeptSide, TextInput } from './text-tokenizer.js';
import { TextWalk } from './text-walk.js';
import type { TokenLayout } from './token-layout.js';
import type { TokenizerInstances } from './tokenizer-instances.js';

/**
 * Texts per call of the package, and their total length. Results are unpacked on the JavaScript thread, so this bounds for how
 * long nothing else can run there: about a millisecond.
 */
const CHUNK_TEXTS = 128;
const CHUNK_CHARS = 1 << 15;

/** How a call is cancelled, and its name in messages. */
export interface Cancel {
  readonly signal?: AbortSignal | undefined;
  /** Default: encode. */
  readonly where?: string;
}

/** A text or pair without its special tokens, which `layout` puts around it. */
export interface TokenRow<T extends TextTokens> {
  readonly layout: TokenLayout;
  readonly texts: readonly T[];
  /** Whether some of its tokens were cut off. */
  readonly cut: boolean;
}

export class TextRows {
  private readonly instances: TokenizerInstances;
  private readonly rule: CutRule | null;
  private readonly kept: KeptSide;
  private readonly long: LongWordSource | null;

  /** `kept`: which tokens of a text that is too long stay; `long` reads words that are too long for a piece. */
  constructor(
    instances: TokenizerInstances,
    rule: CutRule | null,
    kept: KeptSide,
    long: LongWordSource | null,
  ) {
    this.instances = instances;
    this.long = long;
    this.rule = rule;
    this.kept = kept;
  }

  /** The rows of all texts, chunk by chunk. Throws TypeError or RangeError naming texts[i]. */
  async *read<T extends TextTokens>(
    texts: readonly TextInput[],
    options: EncodeOptions,
    kindOf: (text: string) => TokenKind<T>,
  ): AsyncGenerator<TokenRow<T>[]> {
    const { maxTokens, truncate = true, firstIndex = 0, kept: side = this.kept } = options;
    const { nameOf = (index) => `texts[${firstIndex + index}]` } = options;
    for (const [i, text] of texts.entries()) checkText(nameOf(i), text);
    await this.instances.checkLimit(maxTokens, texts);
    for (let begin = 0; begin < texts.length; ) {
      const end = this.chunkEnd(texts, begin, maxTokens);
      const open = await Promise.all(
        texts.slice(begin, end).map(async (text) => {
          const layout = await this.instances.layout(typeof text !== 'string');
          const room = maxTokens - layout.specials;
          const parts = typeof text === 'string' ? [text] : text;
          const readers = parts.map((part) => this.reader(part, kindOf(part), room, side));
          return { layout, room, readers };
        }),
      );
      await this.readOn(
        open.flatMap(({ readers }) => readers),
        options,
      );
      const rows: TokenRow<T>[] = [];
      for (const [i, { layout, room, readers }] of open.entries()) {
        const lengths = await this.cutLengths(readers, room, options);
        if (lengths !== null && !truncate) {
          const count = layout.specials + (await this.countAll(readers, options));
          throw rangeMistake(nameOf(begin + i), `at most ${maxTokens} tokens`, count);
        }
        const kept = readers.map((reader, part) => reader.take(lengths?.[part] ?? room));
        rows.push({ layout, texts: kept, cut: lengths !== null });
      }
      yield rows;
      begin = end;
    }
  }

  /** A reader that keeps `keep` tokens of a text. */
  reader<T extends TextTokens>(
    text: string,
    kind: TokenKind<T>,
    keep: number,
    kept: 'first' | 'last' = 'first',
  ): TextReader<T> {
    const { long } = this;
    const options = long === null ? {} : { inner: () => long.cuts() };
    return new TextReader(new TextWalk(text, this.rule, kept, options), kind, keep, kept, long);
  }

  /** Reads another piece of each text. */
  async readOn(readers: readonly TextReader<TextTokens>[], cancel: Cancel): Promise<void> {
    const work = this.encodeNext(readers);
    const { pieces, outer, inner } = await orCancelled(
      cancel.where ?? 'encode',
      cancel.signal,
      work,
    );
    for (const [i, reader] of readers.entries()) {
      const piece = pieces[i] ?? null;
      if (piece === null) reader.more();
      else if (piece.inner) reader.addInner(inner.shift() as Encoding, piece);
      else reader.add(outer.shift() as PieceTokens, piece);
    }
  }

  /** The next piece of each text; `inner` are the encodings of pieces that cut words, `outer` the others. */
  private async encodeNext(readers: readonly TextReader<TextTokens>[]) {
    const pieces = await Promise.all(readers.map((reader) => reader.next()));
    const texts = (isInner: boolean) =>
      pieces.flatMap((piece) => (piece?.inner === isInner ? [piece.text] : []));
    const [outer, inner] = await Promise.all([
      this.instances.read(
        texts(false),
        readers.some((reader) => reader.wantsPlaces),
      ),
      this.long === null ? [] : this.encodeInner(texts(true), this.long),
    ]);
    return { pieces, outer, inner };
  }

  private async encodeInner(texts: readonly string[], long: LongWordSource): Promise<Encoding[]> {
    return texts.length === 0 ? [] : this.instances.encode(texts, long.tokenizer);
  }

  /** End of the chunk of texts that begins at `begin`; a text counts only for the part that the limit makes it read first. */
  chunkEnd(texts: readonly TextInput[], begin: number, maxTokens: number): number {
    const most = this.rule === null ? Number.POSITIVE_INFINITY : 2 * firstPiece(maxTokens);
    let chars = 0;
    let end = begin;
    while (end < texts.length && end - begin < CHUNK_TEXTS && chars < CHUNK_CHARS) {
      const text = texts[end] ?? '';
      for (const part of typeof text === 'string' ? [text] : text) {
        chars += Math.min(part.length, most);
      }
      end++;
    }
    return end;
  }

  /** How many tokens each text keeps when they do not fit together; null when they do. */
  private async cutLengths(
    readers: readonly TextReader<TextTokens>[],
    room: number,
    cancel: Cancel,
  ): Promise<readonly number[] | null> {
    for (const reader of readers) {
      while (reader.count <= room && !reader.done) await this.readOn([reader], cancel);
    }
    const [first, second] = readers;
    if (first === undefined || second === undefined) {
      return (first?.count ?? 0) > room ? [room] : null;
    }
    if (first.count + second.count <= room) return null;
    // The longer text gets the odd token.
    while (room % 2 === 1 && !isDecided(first, second)) {
      const open = [first, second].filter(({ done }) => !done);
      await this.readOn(open, cancel);
    }
    return pairLengths(first.count, second.count, room);
  }

  private async countAll(
    readers: readonly TextReader<TextTokens>[],
    cancel: Cancel,
  ): Promise<number> {
    let count = 0;
    for (const reader of readers) {
      while (!reader.done) await this.readOn([reader], cancel);
      count += reader.count;
    }
    return count;
  }
}

/** Whether it is known which of two texts has more tokens. */
function isDecided(first: TextReader<TextTokens>, second: TextReader<TextTokens>): boolean {
  if (first.done && second.done) return true;
  return (first.done && second.count >= first.count) || (second.done && first.count > second.count);
}
