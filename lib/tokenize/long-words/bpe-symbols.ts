/**
 * The symbols of BPE: tokens that are one character. Some tokenizers write a character differently at the beginning or end of a
 * word.
 *
 * A token has the symbols that its name spells. A file with a merge that makes a token of other symbols is not supported.
 */

import type { JsonObject } from '../../core/json.js';

export interface BpeSymbols {
  /** All characters of the vocabulary. */
  readonly characters: readonly string[];
  /** The tokens that are one character, by symbol. */
  readonly names: readonly string[];
  /**
   * The symbol of a character at its place in a word; for a character that is no token, the number of symbols plus its code
   * point.
   */
  at(character: number, first: boolean, last: boolean): number;
  /** The symbols of a token's name. */
  of(name: string): number[];
}

interface Affixes {
  /** Whether the model has a prefix or a suffix. */
  readonly some: boolean;
  /** Name of the token that a merge makes. */
  join(left: string, right: string): string;
  /**
   * null when a token has other symbols than its name spells. `whole`: the characters of tokens that no merge makes count too.
   */
  symbols(
    vocab: JsonObject,
    merges: readonly (readonly [string, string, string])[],
    whole: boolean,
  ): BpeSymbols | null;
}

/** The affixes of a vocabulary: a prefix for all characters of a word but the first, a suffix for the last. */
export function affixesOf(model: JsonObject): Affixes {
  const prefix = String(model.continuing_subword_prefix ?? '');
  const suffix = String(model.end_of_word_suffix ?? '');
  const spell = speller(prefix, suffix);
  return {
    some: prefix !== '' || suffix !== '',
    join: (left, right) => left + right.slice(prefix.length),
    symbols: (vocab, merges, whole) => {
      const isSpelt = ([left, right, made]: readonly [string, string, string]) =>
        spell(made).join('\0') === [...spell(left), ...spell(right)].join('\0');
      if ((prefix !== '' || suffix !== '') && !merges.every(isSpelt)) return null;
      const tokens = Object.keys(vocab);
      const single = tokens.map(spell).filter((names) => names.length === 1);
      const names = [...new Set(single.flat())];
      const characters = [...new Set(names.map((name) => bare(name, prefix, suffix)))];
      if (whole) characters.push(...othersIn(tokens, characters));
      return new NamedSymbols(characters, names, { prefix, suffix, spell });
    },
  };
}

type Speller = (name: string) => string[];

/** A function that splits a token's name into the names of its symbols. */
function speller(prefix: string, suffix: string): Speller {
  if (prefix === '' && suffix === '') return (name) => [...name];
  return (name) => {
    const ends = suffix !== '' && name.length > suffix.length && name.endsWith(suffix);
    const body = ends ? name.slice(0, -suffix.length) : name;
    const continues = prefix !== '' && body.length > prefix.length && body.startsWith(prefix);
    const characters = [...(continues ? body.slice(prefix.length) : body)];
    return characters.map((character, i) => {
      const before = continues || i > 0 ? prefix : '';
      return before + character + (ends && i === characters.length - 1 ? suffix : '');
    });
  };
}

/** The character in a symbol's name, without prefix and suffix. */
function bare(name: string, prefix: string, suffix: string): string {
  const ends = suffix !== '' && name.length > suffix.length && name.endsWith(suffix);
  const body = ends ? name.slice(0, -suffix.length) : name;
  const continues = prefix !== '' && body.length > prefix.length && body.startsWith(prefix);
  return continues ? body.slice(prefix.length) : body;
}

function othersIn(tokens: readonly string[], characters: readonly string[]): string[] {
  const known = new Set(characters);
  const others = new Set<string>();
  for (const token of tokens) {
    for (const character of token) if (!known.has(character)) others.add(character);
  }
  return [...others];
}

class NamedSymbols implements BpeSymbols {
  readonly characters: readonly string[];
  readonly names: readonly string[];
  private readonly spell: Speller;
  private readonly index: ReadonlyMap<string, number>;
  /** Four symbols per character: inside a word, at its beginning, at its end, and alone; -1 for none. */
  private readonly places: Int32Array;

  constructor(
    characters: readonly string[],
    names: readonly string[],
    { prefix, suffix, spell }: { prefix: string; suffix: string; spell: Speller },
  ) {
    this.characters = characters;
    this.names = names;
    this.spell = spell;
    this.index = new Map(names.map((name, i) => [name, i]));
    const find = (name: string) => this.index.get(name) ?? -1;
    this.places = Int32Array.from(
      characters.flatMap((character) => [
        find(prefix + character),
        find(character),
        find(prefix + character + suffix),
        find(character + suffix),
      ]),
    );
  }

  at(character: number, first: boolean, last: boolean): number {
    const { characters, names, places } = this;
    if (character >= characters.length) return names.length + character - characters.length;
    const symbol = places[4 * character + (last ? 2 : 0) + (first ? 1 : 0)] as number;
    if (symbol !== -1) return symbol;
    return names.length + (characters[character]?.codePointAt(0) ?? 0);
  }

  of(name: string): number[] {
    return this.spell(name).map((one) => this.index.get(one) ?? this.names.length);
  }
}
