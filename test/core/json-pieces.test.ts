// JSON in pieces: what JSON.parse gives, key order and odd keys included, or nothing for what is no JSON.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInPieces } from '../../lib/core/json-pieces.js';
import { checkJsonShape } from '../../lib/core/json-shape.js';

async function inPieces(text: string) {
  const bytes = new TextEncoder().encode(text);
  const long = await checkJsonShape(bytes, 1e7, (what) => new Error(what));
  return { value: await parseInPieces(bytes, long), long, bytes };
}

const WORDS = Array.from({ length: 12_000 }, (_, i) => [`w,"}]é\u{1f600}\\${i}`, i] as const);
const VOCABULARY = Object.fromEntries(WORDS);
const ODD_KEYS = `{${WORDS.map(([word, i]) => `${JSON.stringify(word)}:${i}`).join(',')},"__proto__":7,"5":1,"w,\\"":2,"5":3}`;

const CASES: readonly [string, string, number][] = [
  ['a vocabulary', JSON.stringify({ model: { type: 'x', vocab: VOCABULARY }, after: [1] }), 1],
  ['one with line breaks', JSON.stringify({ model: { vocab: VOCABULARY } }, null, 2), 1],
  ['a list of pairs', JSON.stringify({ vocab: WORDS, merges: WORDS.map(([word]) => word) }), 2],
  ['a list alone', JSON.stringify(WORDS), 1],
  ['long ones in a list', JSON.stringify([[WORDS, 1], [WORDS], VOCABULARY]), 3],
  ['odd keys and one given twice', `{"a":${ODD_KEYS},"b":0}`, 1],
  ['keys of prototypes above', `{"__proto__":${JSON.stringify(VOCABULARY)},"constructor":1}`, 1],
  ['nothing long', '{"a":[1,2,{"b":[]}]}', 0],
];

describe('JSON in pieces', () => {
  it.each(CASES)('%s', async (_, text, count) => {
    const { value, long, bytes } = await inPieces(text);
    expect(long).toHaveLength(count);
    for (const { begin, end, cuts } of long) {
      expect('{[').toContain(String.fromCharCode(bytes[begin] ?? 0));
      expect(']}').toContain(String.fromCharCode(bytes[end - 1] ?? 0));
      expect(cuts.length).toBeGreaterThan(1);
      for (const cut of cuts) expect(bytes[cut]).toBe(','.charCodeAt(0));
    }
    // As text: the order of keys counts too, and keys that are no plain properties.
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
  });

  const whole = JSON.stringify({ model: { vocab: VOCABULARY }, after: [1, 2] });
  it.each([
    ['a comma too many', whole.replace('}}', ',}}').replace('}},', '}},')],
    ['a comma in front', whole.replace('"vocab":{', '"vocab":{,')],
    ['another bracket', whole.replace('},"after"', ']},"after"').replace('}]', ']')],
    ['an end missing', whole.slice(0, -1)],
    ['an end too many', `${whole}}`],
    ['a bracket before', `]${whole}`],
    ['no value', whole.replace(':77,', ':,')],
    ['a key without quotes', whole.replace('"after"', 'after')],
  ])('gives nothing for %s', async (_, text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect((await inPieces(text)).value).toBe(null);
  });

  it('gives nothing where a part has been replaced, or the file has the text that stands for one', async () => {
    const long = JSON.stringify(VOCABULARY);
    expect((await inPieces(`{"a":${long},"a":1}`)).value).toBe(null);
    const same = 'a long part of this file: 0';
    expect((await inPieces(`{"a":${long},"b":${JSON.stringify(same)}}`)).value).toBe(null);
    const other = `{"a":${long},"b":"a long part of this file: 1"}`;
    expect((await inPieces(other)).value).toEqual(JSON.parse(other));
  });

  it('of any value, damaged or not', async () => {
    const filler = JSON.stringify(WORDS.slice(0, 4000));
    const damage = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(...',]}[{":1 '),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 4 }),
        fc.option(damage),
        async (values, at) => {
          const parts = values.map((value) => JSON.stringify(value));
          let text = `[${[...parts, filler, ...parts].join(',')}]`;
          if (at !== null) {
            const place = Math.floor(at[0] * text.length);
            // Half of a surrogate pair cannot be written as UTF-8.
            text = (text.slice(0, place) + at[1] + text.slice(place + 1)).toWellFormed();
          }
          const { value } = await inPieces(text);
          let parsed: unknown;
          try {
            parsed = JSON.parse(text);
          } catch {
            expect(value).toBe(null);
            return;
          }
          if (value !== null) expect(JSON.stringify(value)).toBe(JSON.stringify(parsed));
        },
      ),
      { numRuns: 200 },
    );
  });
});
