// Keeps the large files of test/fixtures small in the repository: they are tracked gzipped, below test/fixtures/packed, and unpacked into
// their places before tests run (vitest.config.ts, scripts/build.mjs --test).
//
//   node scripts/fixtures.mjs             unpack what is missing or older than its packed form
//   node scripts/fixtures.mjs pack        pack the files that are worth it, and those that have changed
//
// A file that is newer than its packed form was made anew: it is left alone until it is packed.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const fixtures = join(import.meta.dirname, '..', 'test', 'fixtures');
const packed = join(fixtures, 'packed');
const ignore = join(fixtures, '.gitignore');

/** Files that are packed where that saves a tenth: bytes of weights and numbers, not what people read. */
const KINDS = /\.(onnx|data|safetensors|json)$/;
const LEAST_BYTES = 16_000;
/** What people look at stays as it is. */
const READ_BY_PEOPLE = /\/(config|tokenizer|tokenizer_config)\.json$/;

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

const packedFiles = () => (existsSync(packed) ? filesBelow(packed) : []);
const placeOf = (file) => join(fixtures, relative(packed, file).slice(0, -'.gz'.length));
const isOlder = (file, than) =>
  !existsSync(file) || statSync(file).mtimeMs < statSync(than).mtimeMs;

/** Written under another name first: test runs may begin at the same time. */
function write(file, bytes) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, file);
}

/** Puts every packed file into its place, and returns how many were missing or old. */
export function unpackFixtures() {
  const missing = packedFiles().filter((file) => isOlder(placeOf(file), file));
  for (const file of missing) write(placeOf(file), gunzipSync(readFileSync(file)));
  return missing.length;
}

/** As `globalSetup` of vitest. */
export function setup() {
  unpackFixtures();
}

function packFixtures() {
  const known = new Set(packedFiles().map(placeOf));
  for (const file of filesBelow(fixtures)) {
    if (file.startsWith(packed) || !KINDS.test(file) || READ_BY_PEOPLE.test(file)) continue;
    const target = join(packed, `${relative(fixtures, file)}.gz`);
    const bytes = readFileSync(file);
    if (known.has(file)) {
      if (gunzipSync(readFileSync(target)).equals(bytes)) continue;
    } else if (bytes.length < LEAST_BYTES) continue;
    // The level and no time in the header: equal files have equal bytes.
    const small = gzipSync(bytes, { level: 9 });
    if (!known.has(file) && small.length > 0.9 * bytes.length) continue;
    write(target, small);
    known.add(file);
    console.log(`${relative(fixtures, file)}: ${bytes.length} -> ${small.length} bytes`);
  }
  const lines = [...known].map((file) => `/${relative(fixtures, file)}`).sort();
  writeFileSync(ignore, `# Unpacked by scripts/fixtures.mjs\n${lines.join('\n')}\n`);
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv[2] === 'pack') packFixtures();
  else console.log(`${unpackFixtures()} fixtures unpacked`);
}
