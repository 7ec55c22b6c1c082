// Damages tokenizer files of eleven kinds, loads them in a second process and encodes hostile texts: each must be loaded or refused
// with a typed error, within five seconds of processor time and 1 GB, and the process must live.
// node scripts/fuzz-tokenizers.mjs [--seconds 10] [--cases N] [--seed 1] [--json]; needs dist/ (node scripts/build.mjs --ts).
// Exit code 1, and the damaged file kept, when a case breaks a rule.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomly } from './onnx-mutations.mjs';
import { tokenizerKinds } from './tokenizer-kinds.mjs';
import { mutateTokenizer } from './tokenizer-mutations.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Of processor time: others may be at work on the machine. */
const MAX_MS = 5000;
const MAX_RSS_MB = 1024;
const CODES = ['CORRUPT_MODEL', 'UNSUPPORTED_MODEL'];

if (process.send) await serve();
else await drive();

/** Texts at the ends of what texts can be. */
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
    for (const pair of pairs) await attempt(tokenizer.encode([pair], { maxTokens: 256 }));
    await attempt(tokenizer.encodeAligned(texts.slice(0, 12), { maxTokens: 32 }));
    await attempt(tokenizer.encodeWindows([['a short', texts.at(-2)]], windows));
    for (const text of texts.slice(0, 13)) await attempt(tokenizer.encodeWithOffsets(text));
    await attempt(tokenizer.decode([]));
    await attempt(tokenizer.decode([...(one?.ids ?? [1, 2, 3]), 7, 7, 7]));
    return errors.find((error) => !isTyped(error)) ?? errors[0];
  };
  process.on('message', async ({ folder }) => {
    const start = process.cpuUsage();
    let stage = 'loaded';
    const error = await use(folder).catch((reason) => {
      stage = 'refused';
      return reason;
    });
    const { user, system } = process.cpuUsage(start);
    const outcome =
      error !== undefined && !isTyped(error)
        ? `${error.stack}`
        : stage === 'refused'
          ? error.code
          : 'loaded';
    const maxRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
    process.send({ outcome, ms: (user + system) / 1000, maxRssMb });
  });
}

/** A code of the list, a text that has no tokens (or too many characters for a pattern), or a limit too small for a file's special tokens. */
function isTyped(error) {
  return (
    [...CODES, 'INVALID_DATA'].includes(error?.code) ||
    (error instanceof RangeError && /must be .*got/.test(error.message))
  );
}

async function drive() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      cases: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const random = randomly(Number(values.seed));
  const kinds = tokenizerKinds(root);
  const folder = mkdtempSync(join(tmpdir(), 'sinter-fuzz-'));
  const report = {
    cases: 0,
    loaded: 0,
    CORRUPT_MODEL: 0,
    UNSUPPORTED_MODEL: 0,
    slowestMs: 0,
    maxRssMb: 0,
    kinds: {},
    broken: [],
  };
  let child = start();
  const end = performance.now() + 1000 * Number(values.seconds);
  while (
    performance.now() < end &&
    report.cases < Number(values.cases) &&
    report.broken.length < 5
  ) {
    const [name, original] = kinds[report.cases % kinds.length];
    const { text, kind } =
      report.cases < kinds.length
        ? { text: JSON.stringify(original), kind: 'whole' }
        : mutateTokenizer(original, random);
    writeFileSync(join(folder, 'tokenizer.json'), text);
    const answer = await ask(child, folder);
    const what =
      complaint(answer) ??
      (kind === 'whole' && answer.outcome !== 'loaded'
        ? `refused undamaged: ${answer.outcome}`
        : null);
    if (what) {
      report.broken.push({ name, kind, what, kept: keep(text) });
      child.kill('SIGKILL');
      child = start();
    }
    report.cases++;
    report.kinds[name] = (report.kinds[name] ?? 0) + 1;
    if (answer.outcome in report) report[answer.outcome]++;
    report.slowestMs = Math.max(report.slowestMs, Math.round(answer.ms));
    report.maxRssMb = Math.max(report.maxRssMb, answer.maxRssMb ?? 0);
  }
  child.kill();
  rmSync(folder, { recursive: true, force: true });
  console.log(values.json ? JSON.stringify(report) : report);
  if (report.broken.length > 0) process.exitCode = 1;

  function keep(text) {
    const kept = join(tmpdir(), `sinter-fuzz-tokenizer-${values.seed}-${report.cases}.json`);
    writeFileSync(kept, text);
    return kept;
  }
}

/** What is wrong with an answer; null when nothing is. */
function complaint({ outcome, ms, maxRssMb }) {
  if (outcome !== 'loaded' && !CODES.includes(outcome)) return outcome;
  if (ms > MAX_MS) return `${Math.round(ms)} ms of processor time`;
  return maxRssMb > MAX_RSS_MB ? `${maxRssMb} MB of memory` : null;
}

function start() {
  return fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}

/** The child's answer; a crash or a hang is one too. */
function ask(child, folder) {
  return new Promise((resolve) => {
    let noise = '';
    const listen = (bytes) => {
      noise = `${noise}${bytes}`.slice(-600);
    };
    const finish = (answer) => {
      clearTimeout(timer);
      child.off('exit', died);
      child.off('message', finish);
      child.stderr.off('data', listen);
      resolve(answer);
    };
    const died = (code, signal) =>
      setTimeout(
        () => finish({ outcome: `process ended: ${code ?? signal}: ${noise}`, ms: 0 }),
        50,
      );
    const timer = setTimeout(() => finish({ outcome: 'hangs', ms: 10 * MAX_MS }), 10 * MAX_MS);
    child.once('exit', died);
    child.once('message', finish);
    child.stderr.on('data', listen);
    child.send({ folder });
  });
}
