// Regular expressions of tokenizer files: the published ones load, and those that may run for ever are refused.
import { describe, expect, it } from 'vitest';
import { loadJson, small } from './hostile-folder.js';

/** Patterns of published tokenizers, each with the splits of "I'll go,  1234\n" that the package makes with it. */
const PUBLISHED: readonly (readonly [name: string, pattern: string])[] = [
  ['GPT-2', "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
  [
    'cl100k',
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    'cl100k, possessive',
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  ],
  [
    'Qwen 2',
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    'Qwen 3.5',
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    'o200k',
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  ['CLIP', "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"],
  [
    'CLIP with its specials',
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
  ],
  ['BLOOM', ' ?[^(\\s|[.,!?…。，、।۔،])]+'],
  ['XLM-R, e5, ALBERT', ' {2,}'],
  ['CLIP, white space', '\\s+'],
  ['T5 of Marian', '\\n'],
  ['DeepSeek, lines', '[\\r\\n]'],
  ['DeepSeek, letters', '\\s?\\p{L}+'],
  ['DeepSeek, signs', '\\s?\\p{P}+'],
  ['DeepSeek, ideographs', '[一-龥ࠀ-一가-퟿]+'],
  ['DeepSeek 3, numbers', '\\p{N}{1,3}'],
  ['DeepSeek 3, Chinese and Japanese', '[一-龥぀-ゟ゠-ヿ]+'],
  ['StarCoder, digits', '\\d'],
  ['white space and words', '\\w+|[^\\w\\s]+'],
  ['words', '\\S+'],
  ['single characters', '.'],
];

const HOSTILE: readonly string[] = [
  ...[
    '(a+)+$',
    '(a|a)*b',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(\\w+\\s?)*$',
    '(x+x+)+y',
    '(.*)*',
    '(a?){30}a{30}',
  ],
  ...[
    'a*a*b',
    'a+b',
    '\\s+$',
    '\\s*\\s*x|\\s+',
    '.*x',
    '[a-z]*[a-z]+!|[a-z]+',
    '\\s{1,2}|\\s+x|\\s+',
    '.|\\s+x|\\s+',
  ],
  ...[
    'a{1,1000}',
    '((a{1,100}){1,100}){1,100}',
    'a{100}{100}',
    'a{2}+',
    'a{2}?',
    '(?=a*b)a',
    '(?<=a+)b',
    '(?!.*x)y',
  ],
  ...[
    '(a)\\1',
    '(?<n>a)\\k<n>',
    '\\g<0>a',
    '(?>a+)b',
    '(?~ab)',
    'a\\Kb',
    '\\X',
    '\\R',
    '\\G',
    '(?#x)a',
    '(?m:.)a',
    '[a&&b]',
  ],
  ...['x*', '\\b', '^', '$', '(?=a)', 'a|', '', '(', ')', '[', '*', '\\xff', 'a\\'],
];

const splitting = (Regex: string) =>
  small({
    pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false },
  });

describe('patterns of tokenizer files', () => {
  it.each(PUBLISHED)('%s loads, and takes linear time', async (_, pattern) => {
    const tokenizer = await loadJson(splitting(pattern));
    const unit = [
      "I'll go,  1234\n",
      'a'.repeat(50_000),
      `${' '.repeat(50_000)}x`,
      `${'\n '.repeat(20_000)}x`,
    ];
    const { cpu, ids } = await timed(() =>
      tokenizer.encode([...unit, unit.join('')], { maxTokens: 512 }),
    );
    expect(ids.offsets).toHaveLength(6);
    expect(cpu).toBeLessThan(5000);
  });

  it.each(HOSTILE)('%s is refused, with its place', async (pattern) => {
    await expect(loadJson(splitting(pattern))).rejects.toMatchObject({
      code: expect.stringMatching(/^(CORRUPT|UNSUPPORTED)_MODEL$/) as string,
      message: expect.stringMatching(
        /tokenizer\.json: pre_tokenizer\.pattern\.Regex must be /,
      ) as string,
    });
  });

  it('a pattern that steps back is kept from texts that are longer than the package allows', async () => {
    const tokenizer = await loadJson(splitting((PUBLISHED[1] as readonly [string, string])[1]));
    await expect(tokenizer.encodeWithOffsets(' '.repeat(4_000_000))).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringMatching(
        /must be at most 3333333 characters for the patterns of .*got 4000000/,
      ) as string,
    });
  });
});

async function timed<T>(work: () => Promise<T>): Promise<{ ids: T; cpu: number }> {
  const start = process.cpuUsage();
  const ids = await work();
  const { user, system } = process.cpuUsage(start);
  return { ids, cpu: (user + system) / 1000 };
}
