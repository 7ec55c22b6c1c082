// Bodies as they come from the network: what is no JSON, and what two readers might take for different things.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestFailure } from '../../lib/server/handling.js';
import { readJson } from '../../lib/server/routes/json-body.js';
import { scanJson } from '../../lib/server/routes/json-scan.js';

const read = (text: string | Uint8Array) => readJson(Buffer.from(text as string));

describe('readJson', () => {
  it('reads JSON', () => {
    expect(read('{"a":[1,"ü",null,{"b":"\\ud83d\\ude00"}]}')).toEqual({
      a: [1, 'ü', null, { b: '😀' }],
    });
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ['nothing', '', /is empty/],
    ['a cut object', '{"a":', /not valid JSON/],
    ['NaN', '{"a":NaN}', /not valid JSON/],
    ['a comment', '{"a":1 /* x */}', /not valid JSON/],
    ['two values', '1 2', /not valid JSON/],
    ['a byte order mark', '\ufeff{}', /not valid JSON/],
    ['latin-1', Uint8Array.of(0x22, 0xfc, 0x22), /must be UTF-8/],
    ['a surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /must be UTF-8/],
    ['an overlong form', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), /must be UTF-8/],
    ['a field twice', '{"a":1,"b":2,"a":3}', /got one again at byte 13/],
    ['a field twice inside', '{"a":[{"b":1,"b":2}]}', /got one again at byte 13/],
    ['a field twice, escaped', '{"a":1,"\\u0061":2}', /got one again at byte 7/],
  ])('refuses %s', (_, text, message) => {
    const failure = (() => {
      try {
        return read(text);
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toBeInstanceOf(RequestFailure);
    expect((failure as RequestFailure).kind).toBe('malformed');
    expect((failure as RequestFailure).message).toMatch(message);
  });

  it('repeats no text in its message', () => {
    expect(() => read('{"inputs":"my secret diary" x}')).toThrow(/^the body is not valid JSON/);
    expect(() => read('{"inputs":"my secret diary" x}')).not.toThrow(/diary/);
  });

  it('refuses deep nesting before it is parsed', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(read(nested(32))).toHaveLength(1);
    const began = performance.now();
    expect(() => read(nested(1_000_000))).toThrow(/at most 32 lists and objects/);
    expect(() => read('{"a":'.repeat(100_000))).toThrow(/at most 32 lists and objects/);
    // Parsing would take 300 ms.
    expect(performance.now() - began).toBeLessThan(150);
  });

  it('finds strings as the parser does: escapes, long ones, brackets and quotes in them', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab"\\[]{},:\n é😀'), maxLength: 200 });
    const shape = fc.dictionary(text, fc.array(text), { maxKeys: 5 });
    fc.assert(
      fc.property(shape, (value) => {
        const json = JSON.stringify(value);
        expect(scanJson(Buffer.from(json))).toBeNull();
        const [key] = Object.keys(value);
        if (key === undefined) return;
        const twice = `${json.slice(0, -1)},${JSON.stringify(key)}:1}`;
        expect(scanJson(Buffer.from(twice))).toContain('got one again');
      }),
    );
  });

  it('keeps keys of prototypes as ordinary keys', () => {
    const value = read('{"__proto__":{"x":1}}') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect((value as { x?: number }).x).toBeUndefined();
  });
});
