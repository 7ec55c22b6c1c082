// Memory is bounded by the limit, not by the text: at most four times the bytes of a text of 50 MB, for every kind of
// tokenizer. Texts that are read to their end take as little; they are shorter here to save time.
import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { child } from '../models/child.js';

const BOUND_MB = 4 * 50;

describe.skipIf(platform() !== 'linux')('a long text takes little memory (needs Linux)', () => {
  it.each([
    ['bert', 'text', 50],
    ['bert', 'word', 50],
    ['bert', 'pair', 50],
    ['roberta-seqcls', 'text', 50],
    ['roberta-seqcls', 'pair', 50],
    ['albert', 'text', 50],
    ['albert', 'pair', 50],
    ['roberta-seqcls', 'word', 50],
    ['roberta-seqcls', 'genes', 50],
    ['roberta-seqcls', 'blanks', 50],
    ['albert', 'word', 50],
    ['albert', 'blanks', 50],
    ['modernbert', 'chinese', 50],
    ['albert', 'chinese', 6],
    ['modernbert', 'odd', 6],
    ['bert', 'refused', 6],
    ['albert', 'windows', 6],
  ] as const)(
    '%s: %s of %i MB',
    async (name, shape, megabytes) => {
      const script = '../../memory/children/long-texts.mjs';
      const { growthMb } = (await child(script, [name, shape, String(megabytes)])) as {
        readonly growthMb: number;
      };
      expect(growthMb).toBeLessThan(BOUND_MB);
    },
    120_000,
  );
});
