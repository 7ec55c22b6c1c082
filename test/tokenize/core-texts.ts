/** Texts of many scripts, and what the core and the package make of them. */
import type { JsonObject } from '../../lib/core/json.js';
import { SeededRandom } from '../../lib/core/random.js';
import { atOnce } from '../../lib/core/turns.js';
import { BytePairs } from '../../lib/tokenize/byte-pairs.js';
import { checkTokenizer } from '../../lib/tokenize/check/index.js';
import type { CoreTokenizer } from '../../lib/tokenize/core-vocabulary.js';
import { tokenizerFrom } from '../../lib/tokenize/make-tokenizer.js';
import { PackageTokens } from '../../lib/tokenize/piece-tokens.js';
import { WordPieces } from '../../lib/tokenize/word-pieces.js';

/** Code points of scripts and of signs, among them what normalizers treat in a way of their own. */
const BLOCKS = [
  [0x20, 0x7e],
  [0xa0, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x3ff],
  [0x400, 0x52f],
  [0x530, 0x58f],
  [0x590, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0x980, 0x9ff],
  [0xb80, 0xbff],
  [0xe00, 0xe7f],
  [0xf00, 0xfff],
  [0x1000, 0x109f],
  [0x10a0, 0x10ff],
  [0x1100, 0x11ff],
  [0x1200, 0x137f],
  [0x1780, 0x17ff],
  [0x1e00, 0x1fff],
  [0x2000, 0x206f],
  [0x3040, 0x30ff],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xff00, 0xffef],
  [0x1f300, 0x1faff],
  [0x1d100, 0x1d1ff],
  [0x20000, 0x2a6df],
  [0x0, 0x1f],
  [0x0, 0x10ffff],
] as const;
const WORDS =
  'the unbelievable Österreich naïve résumé don’t co-operate 12.5% привет 北京 东京都 안녕'.split(
    ' ',
  );

export function randomTexts(count: number, seed: number): string[] {
  const random = new SeededRandom(seed);
  const block = () => BLOCKS[random.below(BLOCKS.length)] ?? BLOCKS[0];
  const character = ([first, last]: readonly [number, number]) => {
    const code = first + random.below(last - first + 1);
    // A half of a pair has tests of its own.
    return String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? 0x61 : code);
  };
  const part = (own: readonly [number, number]) => {
    const kind = random.below(100);
    if (kind < 40) return character(own);
    if (kind < 55) return WORDS[random.below(WORDS.length)] ?? '';
    if (kind < 72) return ' ';
    return kind < 98 ? character(block()) : 'x'.repeat(random.below(130));
  };
  return Array.from({ length: count }, () => {
    const own = block();
    return Array.from({ length: random.below(30) }, () => part(own)).join('');
  });
}

const wordsOf = (tokenizer: JsonObject) => atOnce(checkTokenizer(tokenizer, 'test')).words;

/** What the core reads a tokenizer with; null where it does not. */
export const wordPieces = (tokenizer: JsonObject): CoreTokenizer | null =>
  WordPieces.of(tokenizer, wordsOf(tokenizer));

export const bytePairs = (tokenizer: JsonObject): CoreTokenizer | null =>
  atOnce(BytePairs.of(tokenizer, wordsOf(tokenizer)));

/** Texts that the core reads differently, with both results, and how many texts it does not read. `placed`: places are compared too. */
export async function compare(
  core: CoreTokenizer | null,
  tokenizer: JsonObject,
  texts: readonly string[],
  placed: boolean,
) {
  if (core === null) throw new Error('the core does not read this tokenizer');
  const whole = tokenizerFrom(JSON.stringify(tokenizer), 'test');
  const encodings = await whole.encodeBatch([...texts], { addSpecialTokens: false });
  const different: unknown[] = [];
  let refused = 0;
  for (const [i, tokens] of core.encode(texts, placed).entries()) {
    const [text, encoding] = [texts[i] ?? '', encodings[i]];
    if (tokens === null || encoding === undefined) {
      refused++;
      continue;
    }
    const [own, other] = [tokens, new PackageTokens(encoding, text)].map((one) => {
      const { starts, ends } = placed ? one.places() : { starts: [], ends: [] };
      return { ids: [...one.ids()], names: one.names(), starts: [...starts], ends: [...ends] };
    });
    if (JSON.stringify(own) !== JSON.stringify(other)) different.push({ text, own, other });
  }
  return { different, refused };
}
