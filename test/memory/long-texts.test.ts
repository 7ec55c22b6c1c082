// Memory is bounded by the limit, not by the text: at most four times the bytes of a text of 50 MB, for every kind of
// tokenizer. Texts that are read to their end take as little; they are shorter here to save time.
import { writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { child } from '../models/child.js';
import { KINDS } from '../tokenize/tokenizer-kinds.js';

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
    ['modernbert', 'thai', 50],
    ['bert', 'thai', 50],
    ['BPE with bytes, as Llama 2 has it', 'text', 50],
    ['BPE with bytes, as Llama 2 has it', 'thai', 50],
    ['BPE with bytes, as Gemma has it', 'text', 50],
    ['byte-level with words that no merge makes', 'word', 50],
    ['BPE with the ends of words marked, as CLIP has it', 'word', 50],
    ['Unigram with bytes', 'thai', 50],
    ['Unigram with bytes, not divided', 'text', 50],
    ['byte-level with added tokens that take blanks along', 'text', 50],
    ['byte-level with added tokens that take blanks along', 'blanks', 50],
    ['whole texts', 'refused', 50],
    ['albert', 'chinese', 6],
    ['modernbert', 'odd', 6],
    ['bert', 'refused', 6],
    ['albert', 'windows', 6],
  ] as const)(
    '%s: %s of %i MB',
    async (name, shape, megabytes) => {
      const script = '../../memory/children/long-texts.mjs';
      const load = KINDS.find(([kind]) => kind === name)?.[1];
      const folder = load === undefined ? name : await temporaryFolder();
      if (load) await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(await load()));
      const { growthMb } = (await child(script, [folder, shape, String(megabytes)])) as {
        readonly growthMb: number;
      };
      expect(growthMb).toBeLessThan(BOUND_MB);
    },
    120_000,
  );
});
