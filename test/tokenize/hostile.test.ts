// Tokenizer files made to end the process, or to take all of its time or memory, are refused with their place; what looks odd but is
// sound loads.
import { describe, expect, it } from 'vitest';
import { CORRUPT } from './hostile-cases.js';
import { load, loadJson, small } from './hostile-folder.js';
import { SOUND, UNSUPPORTED } from './hostile-limits.js';

describe('a hostile tokenizer.json', () => {
  it.each(CORRUPT)('%s', async (_, parts, message) => {
    await expect(loadJson(small(parts))).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(new RegExp(`tokenizer\\.json: .*${message.source}`)) as string,
    });
  });

  it.each(UNSUPPORTED)('%s', async (_, parts, message) => {
    await expect(loadJson(small(parts))).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(new RegExp(`tokenizer\\.json: .*${message.source}`)) as string,
    });
  });

  it('the first of two equal keys, which the package would read too', async () => {
    const text = JSON.stringify(small());
    const bad = '{"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"},';
    const tokenizer = await load({ 'tokenizer.json': bad + text.slice(1) });
    expect([...(await tokenizer.encode(['a'], { maxTokens: 8 })).ids]).toEqual([1]);
  });
});

describe('an odd tokenizer.json that is sound', () => {
  it.each(SOUND)('%s', async (_, parts) => {
    const tokenizer = await loadJson(small(parts));
    for (const text of ['', 'a', ' b a ab ', '\uFDFA\u00ad e\u0301']) {
      await tokenizer.encodeWithOffsets(text).catch((error: Error) => {
        // A vocabulary this small may lack its unknown token; anything else is a fault.
        expect(error.message).toMatch(/unk|UNK/);
      });
    }
    await tokenizer.decode([0, 1]);
  });
});

describe('hostile vocabulary files', () => {
  it('more lines than there are tokens', async () => {
    for (const [lines, message] of [
      [2_000_000, /vocab\.txt: must have at most 1048576 lines, got more/],
      [10_000_000, /vocab\.txt: must be at most \d+ bytes, got 20000000/],
    ] as const) {
      await expect(load({ 'vocab.txt': 'a\n'.repeat(lines) })).rejects.toMatchObject({
        code: expect.stringMatching(/^(CORRUPT|UNSUPPORTED)_MODEL$/) as string,
        message: expect.stringMatching(message) as string,
      });
    }
    const files = { 'vocab.json': { '<s>': 0 }, 'merges.txt': 'a b\n'.repeat(10_000_000) };
    await expect(load(files)).rejects.toMatchObject({
      message: expect.stringMatching(/merges\.txt: must be at most \d+ bytes/) as string,
    });
  });
});
