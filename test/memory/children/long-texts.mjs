// Growth of the resident set at its highest, in MB, over a text of so many MB: long-texts.mjs FIXTURE|FOLDER SHAPE MB.
import { fileURLToPath } from 'node:url';
import { loadTokenizer } from '../../../dist/tokenize/text-tokenizer.js';

const [name, shape, megabytes] = process.argv.slice(2);
const folder = name.includes('/')
  ? name
  : fileURLToPath(new URL(`../../fixtures/encoders/${name}`, import.meta.url));
const tokenizer = await loadTokenizer(folder);
const windows = { maxTokens: 384, stride: 128, nameOf: () => 'pair' };
await tokenizer.encode(['a b', ['a', 'b']], { maxTokens: 512 });
await tokenizer.encodeWindows([['a', 'b c d']], windows);
const specials = (await tokenizer.encode([['', '']], { maxTokens: 512 })).ids.length;
const length = Number(megabytes) * 1e6;
const THAI = 'ภาษาไทยเป็นภาษาที่มีระดับเสียง';
const KHMER = 'ភាសាខ្មែរគឺជាភាសាកំណើត';
const words = 'the people of america, ';
const unit =
  {
    word: 'x',
    genes: 'ACGTTGCAAC',
    blanks: ' ',
    chinese: '\u4e2d\u6587',
    thai: THAI,
    khmer: KHMER,
  }[shape] ?? words;
const made = unit.repeat(length / Buffer.byteLength(unit));
// A string in one piece, like a text read from a file.
const text = Buffer.from(made).toString();
const before = process.memoryUsage.rss() / 2 ** 20;
const run = {
  text: () => tokenizer.encode([text], { maxTokens: 512 }),
  word: () => tokenizer.encode([text, ['a', text]], { maxTokens: 512 }),
  genes: () => tokenizer.encode([text], { maxTokens: 512 }),
  blanks: () => tokenizer.encode([text], { maxTokens: 512 }),
  thai: () => tokenizer.encode([text], { maxTokens: 512 }),
  khmer: () => tokenizer.encode([text], { maxTokens: 512 }),
  chinese: () => tokenizer.encode([text], { maxTokens: 512 }),
  pair: () => tokenizer.encode([[text, text]], { maxTokens: 512 + specials }),
  // With an odd limit, the end of the shorter text decides which text gets the extra token.
  odd: () => tokenizer.encode([[text, text]], { maxTokens: 513 + specials }),
  refused: () => tokenizer.encode([text], { maxTokens: 512, truncate: false }).catch(() => {}),
  async windows() {
    for await (const group of tokenizer.windowGroups([['a', text]], windows)) void group;
  },
};
await run[shape]();
const growthMb = process.resourceUsage().maxRSS / 2 ** 10 - before;
console.log(JSON.stringify({ growthMb }));
