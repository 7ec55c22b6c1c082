/** A text read in pieces of a given size, with the same parts of the library that read long texts. */
import type { JsonObject } from '../../lib/core/json.js';
import { LongWordSource } from '../../lib/tokenize/long-words/source.js';
import { tokenizerFrom } from '../../lib/tokenize/make-tokenizer.js';
import { Placer, type TokensWithOffsets } from '../../lib/tokenize/placed-tokens.js';
import { cutRuleOf } from '../../lib/tokenize/text-cut.js';
import { TextReader, type TextTokens, type TokenKind } from '../../lib/tokenize/text-reader.js';
import { TextWalk } from '../../lib/tokenize/text-walk.js';
import { TokenizerInstances } from '../../lib/tokenize/tokenizer-instances.js';

export interface Whole {
  readonly instances: TokenizerInstances;
  readonly tokenizer: JsonObject;
  readonly long: LongWordSource;
}

export function wholeOf(tokenizer: JsonObject, settleEvery?: number): Whole {
  const made = tokenizerFrom(JSON.stringify(tokenizer), 'test');
  const instances = new TokenizerInstances(
    { made: { tokenizer: made, renamed: new Map() } },
    'test',
    { maxTextLength: Infinity, rules: 'rules' },
  );
  const idOf = (token: string) => made.tokenToId(token) ?? -1;
  const stripsSpace = cutRuleOf(tokenizer)?.stripsSpace ?? false;
  const long = new LongWordSource(() => tokenizer, { idOf, stripsSpace }, settleEvery);
  return { instances, tokenizer, long };
}

export function named({ tokenizer }: Whole, text: string): TokenKind<TokensWithOffsets> {
  const strips = cutRuleOf(tokenizer)?.stripsSpace ?? false;
  return new Placer(tokenizer, strips, () => null).named(text);
}

export interface Sizes {
  /** Units of a piece. */
  readonly size: number;
  /** Units without a cut after which words are cut; without it they are not. */
  readonly longStretch?: number;
  readonly keep?: number;
}

/** The tokens, and how many pieces cut words. */
export async function inPieces<T extends TextTokens>(
  { instances, tokenizer, long }: Whole,
  kind: TokenKind<T>,
  text: string,
  kept: 'first' | 'last',
  { size, longStretch, keep = Number.POSITIVE_INFINITY }: Sizes,
) {
  const options = longStretch === undefined ? {} : { longStretch, inner: () => long.cuts() };
  const walk = new TextWalk(text, cutRuleOf(tokenizer), kept, options);
  const reader = new TextReader(walk, kind, keep, kept, long);
  let inner = 0;
  let pieces = 0;
  while (!reader.done) {
    if (!walk.done && !reader.waits) {
      const piece = await walk.next(size);
      if (piece.inner) {
        const [encoding] = await instances.encode([piece.text], long.tokenizer);
        if (encoding) reader.addInner(encoding, piece);
      } else {
        const [tokens] = await instances.read([piece.text]);
        if (tokens) reader.add(tokens, piece);
      }
      inner += piece.inner ? 1 : 0;
      pieces++;
    } else reader.more();
  }
  return { pieces, inner, count: reader.count, tokens: reader.take(reader.count) };
}
