// Tokens a second of the core's tokenizers on one thread, beside the `tokenizers` package, which uses all of them.
//
//   node bench/tokenize/run.mjs [--tokenizer FILE] [--rounds 7] [--json] [--out FILE]
//
// Both give ids as an Int32Array of each text, 128 texts a call. bge-small-zh is read where the folder of shared data has it. FILE is
// another tokenizer.json, for English texts.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { atOnce } from '../../dist/core/turns.js';
import { BytePairs } from '../../dist/tokenize/byte-pairs.js';
import { checkTokenizer } from '../../dist/tokenize/check/index.js';
import { tokenizerFrom } from '../../dist/tokenize/make-tokenizer.js';
import { WordPieces } from '../../dist/tokenize/word-pieces.js';
import { readWorkload } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { countOf, readOptions } from '../support/options.mjs';
import { table, thousands, writeJson } from '../support/output.mjs';
import { interleave, median } from '../support/timing.mjs';

const { values, common } = readOptions({
  rounds: { type: 'string' },
  tokenizer: { type: 'string' },
});
const rounds = countOf(values, 'rounds', 7);
const TEXTS = 20_000;
const path = (place) => fileURLToPath(new URL(`../../${place}`, import.meta.url));

/** Reviews, one a line, behind a label and a tab. */
function reviews(file) {
  const lines = readFileSync(file, 'utf8').split('\n').slice(1);
  return lines.map((line) => line.replace(/^[01]\t/, '')).filter((text) => text.length > 0);
}

const chinese = path('../shared/data/chnsenticorp/train.tsv');
const SETS = [
  {
    name: 'MiniLM, English',
    file: path('models/all-MiniLM-L6-v2/tokenizer.json'),
    texts: () => readWorkload('mixed_open_en').texts,
  },
  {
    name: 'bge-small-zh, Chinese',
    file: path('../shared/models/bge-small-zh-v1.5-q/tokenizer.json'),
    texts: () => reviews(chinese),
  },
].filter(({ file, name }) => existsSync(file) && (name.includes('English') || existsSync(chinese)));
if (values.tokenizer !== undefined) {
  const texts = () => readWorkload('mixed_open_en').texts;
  SETS.push({ name: `${values.tokenizer}, English`, file: values.tokenizer, texts });
}

/** Texts over and over, until there are enough. */
const repeated = (texts) => Array.from({ length: TEXTS }, (_, i) => texts[i % texts.length]);

function* chunks(texts) {
  for (let begin = 0; begin < texts.length; begin += 128) yield texts.slice(begin, begin + 128);
}

async function measure({ name, file, texts: read }) {
  const texts = repeated(read());
  const tokenizer = JSON.parse(readFileSync(file, 'utf8'));
  const { words } = atOnce(checkTokenizer(tokenizer, file));
  const reader = WordPieces.of(tokenizer, words) ?? atOnce(BytePairs.of(tokenizer, words));
  if (reader === null) throw new Error(`the core does not read ${file}`);
  const whole = tokenizerFrom(JSON.stringify(tokenizer), file);
  const counts = { core: 0, package: 0 };
  const core = () => {
    counts.core = 0;
    for (const some of chunks(texts))
      for (const tokens of reader.encode(some, false)) counts.core += tokens?.ids().length ?? 0;
  };
  const packaged = async () => {
    counts.package = 0;
    for (const some of chunks(texts)) {
      const encodings = await whole.encodeBatch(some, { addSpecialTokens: false });
      for (const one of encodings) counts.package += Int32Array.from(one.getIds()).length;
    }
  };
  const times = await interleave([core, packaged], rounds);
  const [own, other] = times.map((one) => median(one.map(({ ms }) => ms)));
  const [, cpu] = times.map((one) => median(one.map(({ cpuMs }) => cpuMs)));
  return {
    name,
    tokens: counts.core,
    packageTokens: counts.package,
    coreRate: (1000 * counts.core) / own,
    packageRate: (1000 * counts.package) / other,
    packageThreads: cpu / other,
  };
}

const machine = { ...describeMachine(common), loadBefore: load() };
const rows = [];
for (const set of SETS) rows.push(await measure(set));
machine.loadAfter = load();
if (common.out !== undefined) writeJson(common.out, { machine, rows });
if (common.json) console.log(JSON.stringify({ machine, rows }));
else {
  console.log(
    `${machine.cpu}, node ${machine.node}, commit ${machine.commit}, load ${machine.loadBefore}`,
  );
  const cells = rows.map((row) => [
    row.name,
    thousands(row.coreRate),
    thousands(row.packageRate),
    `${(row.coreRate / row.packageRate).toFixed(1)} x`,
    row.packageThreads.toFixed(1),
  ]);
  const head = [
    'tokenizer',
    'core, tokens/s',
    'package, tokens/s',
    'ratio',
    'threads of the package',
  ];
  console.log(table([head, ...cells]));
}
process.exit(0);
