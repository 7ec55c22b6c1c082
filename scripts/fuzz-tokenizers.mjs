// Damages tokenizer files of eleven kinds, loads them in a second process and encodes hostile texts: each must be loaded or
// refused with a typed error, within five seconds of processor time and 1 GB, and the process must live. Long texts must get
// the tokens that the tokenizers package gives them. node scripts/fuzz-tokenizers.mjs [--seconds 10] [--cases N] [--seed 1]
// [--json]; needs dist/ (node scripts/build.mjs --ts). Exit code 1, and the damaged file kept, when a case breaks a rule.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerCases, fuzz, isChild, REFUSALS, readArguments } from './fuzz-children.mjs';
import { randomly } from './onnx-mutations.mjs';
import { tokenizerKinds } from './tokenizer-kinds.mjs';
import { mutateTokenizer } from './tokenizer-mutations.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

if (isChild) await serve();
else await drive();

/** Extreme texts: empty, very long, unusual characters. */
function hostileTexts() {
  const all = Array.from({ length: 3000 }, (_, i) =>
    String.fromCodePoint(i + 1 + (i > 1500 ? 0x2000 : 0)),
  );
  return [
    ...['', 'a', ' ', '\u0301', 'a short text', '\u0000\u00ad\u200b\ufeff\ufffd', '\u0301\u0301a'],
    ...[
      '[MASK] <mask>  [CLS] x [SEP]</s><|begin|>',
      'x  \t  a  the a',
      '\u{1F468}\u200d\u{1F469}\u200d\u{1F467}',
      'e\u0301\u00e9ﬁ①Ａ…　',
    ],
    ...[
      `${'a'.repeat(300)} X`,
      'a'.repeat(20_000),
      `${' '.repeat(10_000)}x`,
      '\n \n\r'.repeat(2000),
      '中'.repeat(2000),
    ],
    ...[
      'e\u0301'.repeat(1000),
      '\uFDFA'.repeat(500),
      '\u{1F600}'.repeat(1000),
      `${'ab'.repeat(120)} `.repeat(20),
      "I'll 've 1234567 ".repeat(500),
    ],
    ...['the short, text! '.repeat(500), all.join('')],
  ];
}

/** Long texts without spaces, so that their words must be cut. */
function longTexts() {
  const mixed = 'thepeopleofamerica中文字か가각abcxx'.repeat(900);
  return [mixed, `a ${'x'.repeat(34_000)}`, `${'-'.repeat(17_000)}${' '.repeat(17_000)}<mask>`];
}

/** Throws unless a text gets the tokens that the package gives the whole of it, whoever has read it. */
async function compareWhole(tokenizer, text) {
  const [found] = await tokenizer.instances.encode([text]).catch(() => []);
  if (found === undefined || found.getLength() === 0) return;
  const { ids } = await tokenizer.encode([text], { maxTokens: 2 ** 30 });
  const expected = `,${found.getIds().join()},`;
  if (`,${ids.join()},`.includes(expected)) return;
  throw new Error(`other tokens for ${text.slice(0, 9)}… than the whole text has`);
}

/** The second process: loads each folder it is sent, encodes and decodes, and answers with the outcome. */
async function serve() {
  const { loadTokenizer } = await import('../dist/tokenize/text-tokenizer.js');
  const texts = hostileTexts();
  const pairs = texts.slice(-9).map((text, i) => [text, texts.at(2 * i)]);
  const windows = { maxTokens: 128, stride: 9, nameOf: String };
  const use = async (folder) => {
    const tokenizer = await loadTokenizer(folder);
    const errors = [];
    const attempt = (step) => step.catch((error) => errors.push(error));
    const one = await attempt(tokenizer.encode(['a short text'], { maxTokens: 128 }));
    for (const text of texts) await attempt(tokenizer.encode([text], { maxTokens: 128 }));
    for (const text of [...texts, ...longTexts()]) await attempt(compareWhole(tokenizer, text));
    for (const pair of pairs) await attempt(tokenizer.encode([pair], { maxTokens: 256 }));
    await attempt(tokenizer.encodeAligned(texts.slice(0, 12), { maxTokens: 32 }));
    await attempt(tokenizer.encodeWindows([['a short', texts.at(-2)]], windows));
    for (const text of texts.slice(0, 13)) await attempt(tokenizer.encodeWithOffsets(text));
    await attempt(tokenizer.decode([]));
    await attempt(tokenizer.decode([...(one?.ids ?? [1, 2, 3]), 7, 7, 7]));
    return errors.find((error) => !isTyped(error)) ?? errors[0];
  };
  answerCases(async ({ folder }) => {
    try {
      const error = await use(folder);
      return error === undefined || isTyped(error) ? 'loaded' : `${error.stack}`;
    } catch (error) {
      return isTyped(error) ? error.code : `${error.stack}`;
    }
  });
}

/**
 * Whether an error is typed: a code of the list, or a RangeError for a text without tokens, a text too long for a pattern, or a
 * limit below the file's special tokens.
 */
function isTyped(error) {
  return (
    [...REFUSALS, 'INVALID_DATA'].includes(error?.code) ||
    (error instanceof RangeError && /must be .*got/.test(error.message))
  );
}

async function drive() {
  const options = readArguments();
  const random = randomly(options.seed);
  const kinds = tokenizerKinds(root);
  const folder = mkdtempSync(join(tmpdir(), 'sinter-fuzz-'));
  await fuzz(import.meta.url, options, {
    accepted: 'loaded',
    maxMs: 5000,
    maxRssMb: 1024,
    makeCase: (n) => {
      const [name, original] = kinds[n % kinds.length];
      // The first case of each kind is undamaged.
      const whole = n < kinds.length;
      const { text, kind } = whole
        ? { text: JSON.stringify(original), kind: 'whole' }
        : mutateTokenizer(original, random);
      writeFileSync(join(folder, 'tokenizer.json'), text);
      return {
        message: { folder },
        content: text,
        about: { name, kind },
        countedAs: name,
        whole,
      };
    },
    keepAs: (n) => `sinter-fuzz-tokenizer-${options.seed}-${n}.json`,
  });
  rmSync(folder, { recursive: true, force: true });
}
