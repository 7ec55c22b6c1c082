/**
 * Makes the reader of long words from a tokenizer.json when the first of them is met, because most texts have none.
 */

import type { Encoding, Tokenizer } from 'tokenizers';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import type { TextPiece } from '../text-walk.js';
import { addedTokens, flat } from '../tokenizer-parts.js';
import { bpeModel } from './bpe-model.js';
import { type InnerCuts, innerCutsOf } from './inner-cuts.js';
import { LongWords } from './long-words.js';
import { SymbolReader, type SymbolSettings } from './symbols.js';
import { unigramModel } from './unigram-model.js';
import type { WordModel } from './word-model.js';
import type { Wanted } from './word-window.js';

/** Symbols between two searches for certain tokens: a balance of memory and cost. */
const SETTLE_SYMBOLS = 1 << 12;

interface Reading {
  readonly cuts: InnerCuts;
  readonly model: WordModel;
  readonly symbols: SymbolReader;
}

export class LongWordSource {
  private readonly load: () => JsonObject;
  private readonly settings: Omit<SymbolSettings, 'characters'>;
  private readonly settleEvery: number;
  private reading: Promise<Reading | null> | null = null;
  private made: Reading | null = null;

  /** `load` gives the tokenizer.json, which has been checked. */
  constructor(
    load: () => JsonObject,
    settings: Omit<SymbolSettings, 'characters'>,
    settleEvery = SETTLE_SYMBOLS,
  ) {
    this.settleEvery = settleEvery;
    this.load = load;
    this.settings = settings;
  }

  /** Where words may be cut; null when the rules of the tokenizer are not supported. */
  async cuts(): Promise<InnerCuts | null> {
    this.reading ??= makeReading(this.load(), this.settings).then((reading) => {
      this.made = reading;
      return reading;
    });
    return (await this.reading)?.cuts ?? null;
  }

  /** The tokenizer for pieces that cut words. */
  get tokenizer(): Tokenizer {
    return this.get().symbols.tokenizer;
  }

  words(wanted: Wanted): LongWords {
    return new LongWords(this.get().model, wanted, this.settleEvery);
  }

  push(words: LongWords, encoding: Encoding, piece: TextPiece): void {
    words.push(this.get().symbols.read(encoding, piece), piece.last);
  }

  private get(): Reading {
    if (this.made === null) throw new Error('no word was cut');
    return this.made;
  }
}

async function makeReading(
  tokenizer: JsonObject,
  settings: Omit<SymbolSettings, 'characters'>,
): Promise<Reading | null> {
  const cuts = innerCutsOf(
    flat(tokenizer.normalizer, 'normalizers'),
    flat(tokenizer.pre_tokenizer, 'pretokenizers'),
    addedTokens(tokenizer.added_tokens),
  );
  const model = cuts === null ? null : await modelOf(tokenizer);
  if (cuts === null || model === null) return null;
  const { characters } = model;
  return { cuts, model, symbols: new SymbolReader(tokenizer, { ...settings, characters }) };
}

async function modelOf({ model }: JsonObject): Promise<WordModel | null> {
  if (!isJsonObject(model)) return null;
  const { type = Array.isArray(model.vocab) ? 'Unigram' : 'BPE' } = model;
  if (type === 'BPE') return bpeModel(model);
  return type === 'Unigram' ? unigramModel(model) : null;
}
