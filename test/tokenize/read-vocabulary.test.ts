// The core's reading of a WordPiece vocabulary: what JSON.parse gives, or nothing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { native } from '../../lib/native/native.js';
import { coreWordsOf, readVocabulary } from '../../lib/tokenize/read-vocabulary.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const WHOLE = { model: { type: 'WordPiece', vocab: 'stands for it' } };
const read = (json: string) => readVocabulary(WHOLE, 'vocab', bytesOf(json));

/** Words by id of what the core has read; null where it has left the text to JSON.parse. */
const wordsOf = (json: string | Uint8Array) => {
  const list = new (native().WordList)(typeof json === 'string' ? bytesOf(json) : json);
  return list.size() === 0 ? null : list.joined().split('\0');
};

/** Words by id as JSON.parse has them; null for a text that is no plain vocabulary. */
function expectedOf(json: Uint8Array): string[] | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value as Record<string, unknown>);
  const words: string[] = [];
  for (const [word, id] of entries) {
    if (typeof id !== 'number' || word === '' || word.includes('\0') || !word.isWellFormed())
      return null;
    words[id] = word;
  }
  const isWhole = words.length === entries.length && Object.keys(words).length === entries.length;
  return isWhole && words.length > 0 ? words : null;
}

const ODD = ['"', '\\', '/', '\b\f\n\r\t', '\u007f', 'é', '\u2028', '\uffff', '\u{10ffff}', '😀'];
const WORDS = [...ODD, '[UNK]', '##a', 'constructor', 'toString', '5', '1'];
const VOCABULARY = Object.fromEntries(WORDS.map((word, id) => [word, id]));
const escaped = (word: string) =>
  `"${word.replaceAll(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

describe('a vocabulary that the core reads', () => {
  it('has the words of JSON.parse, however they are written', () => {
    expect(wordsOf(JSON.stringify(VOCABULARY))).toEqual(WORDS);
    expect(wordsOf(JSON.stringify(VOCABULARY, null, 2))).toEqual(WORDS);
    const all = WORDS.map((word, id) => `${escaped(word)}\t:\r\n ${id}`);
    expect(JSON.parse(`{${all.join(',')}}`)).toEqual(VOCABULARY);
    expect(wordsOf(` {${all.join(' ,')} }\n`)).toEqual(WORDS);
  });

  it('is left to JSON.parse, or found wrong, where it is another text after a change', () => {
    const text = bytesOf(JSON.stringify({ '[UNK]': 0, 'é"\\': 1, '😀': 2, '##b': 3 }));
    const change = fc.record({
      at: fc.nat(text.length - 1),
      drop: fc.nat(3),
      put: fc.uint8Array({ maxLength: 3 }),
    });
    let taken = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
        let bytes = [...text];
        for (const { at, drop, put } of changes)
          bytes = [...bytes.slice(0, at), ...put, ...bytes.slice(at + drop)];
        const given = Uint8Array.from(bytes);
        const words = wordsOf(given);
        if (words === null) return;
        taken += 1;
        expect(words).toEqual(expectedOf(given));
      }),
      { numRuns: 20_000, seed: 1 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it.each([
    ['a gap', '{"a":0,"b":2}'],
    ['an id twice', '{"a":0,"b":0}'],
    ['a word twice', '{"a":0,"a":1}'],
    ['a word twice, written otherwise', '{"a":0,"\\u0061":1}'],
    ['an empty word', '{"":0}'],
    ['no word', '{}'],
    ['a zero character', '{"\\u0000":0}'],
    ['half of a pair', '{"\\ud83d":0}'],
    ['the other half first', '{"\\ude00\\ud83d":0}'],
    ['a prototype', '{"__proto__":0}'],
    ['a fraction', '{"a":0.0}'],
    ['an exponent', '{"a":0e0}'],
    ['a sign', '{"a":-0}'],
    ['a zero in front', '{"a":0,"b":01}'],
    ['a text for an id', '{"a":"0"}'],
    ['a long id', '{"a":0000000000}'],
    ['a list', '["a"]'],
    ['an end too many', '{"a":0}}'],
    ['a comma too many', '{"a":0,}'],
    ['an open text', '{"a'],
    ['a control character', '{"a\u0001":0}'],
    ['a long word', `{"${'x'.repeat(1025)}":0}`],
  ])('is not one with %s', (_, json) => {
    expect(wordsOf(json)).toBe(null);
    expect(read(json)).toBe(null);
  });

  it.each([
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point beyond the last', [0xf4, 0x90, 0x80, 0x80]],
    ['a character cut short', [0xe2, 0x82]],
    ['a continuation alone', [0x80]],
  ])('is not one with %s', (_, bytes) => {
    const json = Uint8Array.from([0x7b, 0x22, ...bytes, 0x22, 0x3a, 0x30, 0x7d]);
    expect(wordsOf(json)).toBe(null);
  });

  it('takes no quadratic time over words that were chosen to meet', () => {
    const pairs: [string, string][] = [];
    for (let state = FNV_BEGIN; pairs.length < 12; ) {
      const pair = meeting(state);
      pairs.push(pair);
      state = hashOf(pair[0], state);
    }
    const words = Array.from({ length: 4096 }, (_, i) =>
      pairs.map((pair, bit) => pair[(i >> bit) & 1]).join(''),
    );
    expect(new Set(words.map((word) => hashOf(word, FNV_BEGIN))).size).toBe(1);
    // 4,096 words have a table of 8,192 places.
    const json = (all: readonly string[]) =>
      JSON.stringify(Object.fromEntries(all.map((word, id) => [word, id])));
    expect(wordsOf(json(words))).toBe(null);
    expect(wordsOf(json(words.slice(0, 500)))).toHaveLength(500);
  });
});

const FNV_BEGIN = 2166136261;

/** The place that FNV-1a gives in a table of 8,192, from a place on: its low bits depend on no others. */
function hashOf(word: string, state: number): number {
  let hash = state;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 16777619);
  return hash & 0x1fff;
}

/** Two words that lead from a place to the same one. */
function meeting(state: number): [string, string] {
  const seen = new Map<number, string>();
  for (let i = 1_000_000; ; i++) {
    const word = i.toString(36).padStart(8, 'x');
    const hash = hashOf(word, state);
    const other = seen.get(hash);
    if (other !== undefined) return [other, word];
    seen.set(hash, word);
  }
}

describe('its object', () => {
  const json = JSON.stringify(VOCABULARY);
  const parsed = JSON.parse(json) as JsonObject;
  const made = () => read(json) as JsonObject;

  it('answers as that of JSON.parse', () => {
    const vocabulary = made();
    for (const word of [...WORDS, 'none', '\ud83d', '\ufffd', 'hasOwnProperty', '']) {
      expect(Object.hasOwn(vocabulary, word), word).toBe(Object.hasOwn(parsed, word));
      expect(vocabulary[word], word).toBe(parsed[word]);
      expect(word in vocabulary, word).toBe(word in parsed);
    }
  });

  it('lists as that of JSON.parse, in its order', () => {
    expect(Object.keys(made())).toEqual(Object.keys(parsed));
    expect(Object.entries(made())).toEqual(Object.entries(parsed));
    expect(JSON.stringify(made())).toBe(JSON.stringify(parsed));
    expect({ ...made() }).toEqual(parsed);
    const listed = made();
    Object.keys(listed);
    for (const word of [...WORDS, 'none']) expect(listed[word], word).toBe(parsed[word]);
  });

  it('cannot be changed', () => {
    const vocabulary = made() as Record<string, number>;
    expect(() => {
      vocabulary.new = 1;
    }).toThrow(TypeError);
    expect(() => delete vocabulary['5']).toThrow(TypeError);
  });

  it('has words, which no other object has', () => {
    expect(coreWordsOf(made())?.list()).toEqual(WORDS);
    expect(coreWordsOf(parsed)).toBe(null);
    expect(coreWordsOf(undefined)).toBe(null);
  });

  it('is made of the vocabulary of WordPiece alone', () => {
    const bytes = bytesOf(json);
    expect(readVocabulary({ model: { type: 'BPE' } }, 'vocab', bytes)).toBe(null);
    expect(readVocabulary({ model: { type: 'WordPiece' } }, 'merges', bytes)).toBe(null);
    expect(readVocabulary({ model: null }, 'vocab', bytes)).toBe(null);
    expect(readVocabulary([], 'vocab', bytes)).toBe(null);
  });
});
