// An abort ends the reading of a text at once, and nothing goes on to read: not of long texts, long words or pairs.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Cancel } from '../../lib/tokenize/text-rows.js';
import { TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import type { TokenizerInstances } from '../../lib/tokenize/tokenizer-instances.js';
import { changed } from './tokenizer-kinds.js';

const LONG = 'the people of america, '.repeat(20_000);
const WORD = 'ab'.repeat(200_000);
const WINDOWS = { maxTokens: 20, stride: 3, nameOf: () => 'text' };

async function load(name: string) {
  const tokenizer = await changed(name, {});
  const files = new Map([['tokenizer.json', JSON.stringify(tokenizer)]]);
  const made = await TextTokenizer.fromFiles({ source: 'test', tokenizer, config: {}, files });
  const { instances } = made as unknown as { readonly instances: TokenizerInstances };
  return { made, instances };
}

type Call = (made: TextTokenizer, cancel: Cancel) => Promise<unknown>;

const CALLS: readonly (readonly [string, Call])[] = [
  [
    'a text whose tokens are counted',
    (made, cancel) => made.encode([LONG], { maxTokens: 20, truncate: false, ...cancel }),
  ],
  [
    'a pair, one of which is longer',
    async (made, cancel) => {
      const { ids } = await made.encode([['', '']], { maxTokens: 20 });
      return made.encode([[LONG, LONG]], { maxTokens: 17 + ids.length, ...cancel });
    },
  ],
  ['windows', (made, cancel) => made.encodeWindows([LONG], { ...WINDOWS, ...cancel })],
  ['many texts', (made, cancel) => made.encode(LONG.split(','), { maxTokens: 20, ...cancel })],
];

const WORDS: readonly (readonly [string, Call])[] = [
  [
    'a word whose tokens are counted',
    (made, cancel) => made.encode([WORD], { maxTokens: 20, truncate: false, ...cancel }),
  ],
  ['windows of a word', (made, cancel) => made.encodeWindows([WORD], { ...WINDOWS, ...cancel })],
];

describe.each([
  ['bert', CALLS],
  ['roberta-seqcls', [...CALLS, ...WORDS]],
  ['albert', [...CALLS, ...WORDS]],
] as const)('an abort while %s reads', (name, calls) => {
  it.each(calls)('%s', async (_, call) => {
    const { made, instances } = await load(name);
    await made.encode(['a', ['a', 'b']], { maxTokens: 20 });
    const abort = new AbortController();
    const { read, encode } = instances;
    let count = 0;
    const counted = () => {
      count++;
      if (count === 4) abort.abort();
    };
    instances.read = (texts) => {
      counted();
      return read.call(instances, texts);
    };
    instances.encode = (texts, by) => {
      // Without another tokenizer it is a part of `read`.
      if (by !== undefined) counted();
      return encode.call(instances, texts, by);
    };
    const run = call(made, { signal: abort.signal, where: 'embed' });
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED', message: 'embed was cancelled' });
    const atOnce = count;
    for (let i = 0; i < 50; i++) await turn();
    expect(atOnce).toBeLessThan(7);
    expect(count).toBe(atOnce);
  });
});
