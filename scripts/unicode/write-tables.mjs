// Writes native/tokenize/characters.inc and word_classes.inc: what the `tokenizers` package does to each code point (see probe.mjs). Run it when the package's
// version changes; a test asks the package again.
//
//   node scripts/unicode/write-tables.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { probeCharacters, probeClasses } from './probe.mjs';

const root = join(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);
const { version } = JSON.parse(readFileSync(require.resolve('tokenizers/package.json'), 'utf8'));
const hex = (number) => `0x${number.toString(16)}`;

/** First and last code point of each run. */
function rangesOf(points) {
  const ranges = [];
  for (const point of points) {
    const last = ranges.at(-1);
    if (last?.[1] === point - 1) last[1] = point;
    else ranges.push([point, point]);
  }
  return ranges;
}

/** Lines of at most 100 characters. */
function lines(items) {
  const out = [];
  for (const item of items) {
    const last = out.at(-1);
    if (last !== undefined && last.length + item.length < 98)
      out[out.length - 1] = `${last} ${item},`;
    else out.push(`    ${item},`);
  }
  return out.join('\n');
}

const array = (type, name, items) => `constexpr ${type} ${name}[] = {\n${lines(items)}\n};\n`;
const ranges = (name, points) =>
  array(
    'CodeRange',
    name,
    rangesOf(points).map(([first, last]) => `{${hex(first)}, ${hex(last)}}`),
  );
const single = (map) =>
  [...map].filter(([, to]) => to.length === 1).map(([from, [to]]) => `{${hex(from)}, ${hex(to)}}`);
const several = (map) =>
  [...map]
    .filter(([, to]) => to.length > 1)
    .map(([from, to]) => {
      const all = [...to, ...Array(3 - to.length).fill(0)];
      return `{${hex(from)}, {${all.map(hex).join(', ')}}}`;
    });

const found = probeCharacters();
const gone = [...found.stripped].filter(([, to]) => to.length === 0).map(([from]) => from);
const head = (
  what,
) => `// ${what}; written by scripts/unicode/write-tables.mjs. Facts of the Unicode character
// database (Unicode License v3), as that package has them.
// clang-format off
`;
const write = (file, what, parts) =>
  writeFileSync(
    join(root, 'native/tokenize', file),
    `${head(what)}${parts.join('\n')}// clang-format on\n`,
  );
write('characters.inc', `What tokenizers ${version} does to code points`, [
  ranges('kRemoved', found.removed),
  ranges('kBlank', found.blank),
  ranges('kIdeograph', found.ideograph),
  ranges('kSpace', found.space),
  ranges('kMark', found.mark),
  ranges('kMoved', found.moved),
  ranges('kNonspacing', gone),
  array('CodePair', 'kStripped', single(found.stripped)),
  array('CodeList', 'kStrippedToSeveral', several(found.stripped)),
  array('CodePair', 'kLowered', single(found.lowered)),
  array('CodeList', 'kLoweredToSeveral', several(found.lowered)),
]);
const classes = probeClasses();
write('word_classes.inc', `Letters, numbers and white space of tokenizers ${version}`, [
  ranges('kLetter', classes.letter),
  ranges('kNumber', classes.number),
  ranges('kWhite', classes.white),
]);
