// Long second texts in windows: nothing is lost, neighbours share what they should, and no input ends the process.
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../lib/tokenize/text-tokenizer.js';

const MINILM = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));
const nameOf = () => 'pair';
const WORDS = ['red', 'unbelievable', '😀', 'a', '世界', 'and,', 'x-ray', '\t'];

describe('encodeWindows', () => {
  it('covers the whole text, whatever its length, limit and stride', async () => {
    const tokenizer = await loadTokenizer(MINILM);
    const words = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(words, fc.nat(12), fc.nat(12), async (list, extra, stride) => {
        const text = list.join(' ');
        const maxTokens = 3 + 2 + stride + 1 + extra;
        const pair = ['who is', text] as const;
        const found = await tokenizer.encodeWindows([pair], { maxTokens, stride, nameOf });
        const { ids } = await tokenizer.encode([pair], { maxTokens: 512 });
        const whole = [...ids].slice(4, -1);
        const room = maxTokens - 5;
        const joined: number[] = [];
        for (const [window] of found.sources.entries()) {
          const [begin, end] = [found.offsets[window] ?? 0, found.offsets[window + 1] ?? 0];
          expect([...found.ids.subarray(begin, begin + 4)]).toEqual([...ids].slice(0, 4));
          expect(end - begin).toBeLessThanOrEqual(maxTokens);
          const own = [...found.ids.subarray(begin + 4, end - 1)];
          expect([...found.segments.subarray(begin + 4, end)]).toEqual([...own, 0].map(() => 1));
          if (window > 0)
            expect(own.slice(0, stride)).toEqual(joined.slice(joined.length - stride));
          joined.push(...own.slice(window > 0 ? stride : 0));
          expect(own.length).toBeLessThanOrEqual(room);
        }
        expect(joined).toEqual(whole);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('gives places in UTF-16 units and refuses a first text without room', async () => {
    const tokenizer = await loadTokenizer(MINILM);
    const text = '😀 red cars';
    const found = await tokenizer.encodeWindows([['who', text]], {
      maxTokens: 9,
      stride: 1,
      nameOf,
    });
    const own = [...found.parts.keys()].filter((i) => found.parts[i] === 1);
    const slices = own.map((i) => text.slice(found.starts[i], found.ends[i]));
    expect(slices).toEqual(['😀', 'red', 'cars']);
    const options = { maxTokens: 9, stride: 5, nameOf };
    await expect(tokenizer.encodeWindows([['who is', text]], options)).rejects.toThrow(
      /^pair\[0\] must be at most 0 tokens, got "who is"/,
    );
  });
});
