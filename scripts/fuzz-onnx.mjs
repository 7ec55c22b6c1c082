// Damages ONNX files and imports them in a second process: every file must be imported or refused with a typed error, within
// two seconds of processor time and 256 MB, and nothing outside its folder may be opened.
// node scripts/fuzz-onnx.mjs [--seconds 10] [--cases N] [--seed 1] [--files DIR] [--json]; needs dist/ (node scripts/build.mjs --ts).
// Exit code 1, and the damaged file kept, when a case breaks a rule.
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerCases, fuzz, isChild, REFUSALS, readArguments } from './fuzz-children.mjs';
import { mutate, randomly } from './onnx-mutations.mjs';

const { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } = fs;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** The byte that fills outside.bin. An importer that returns it has read outside its folder. */
const SECRET = 0x5a;

if (isChild) await serve();
else await drive();

/** The second process: imports each path it is sent and answers with the outcome. */
async function serve() {
  const { readOnnxModel } = await import('../dist/formats/onnx/import/read-model.js');
  const { evaluate } = await import('../dist/formats/onnx/import/reference/evaluate.js');
  const { importOnnx } = await import('../dist/formats/onnx/import/index.js');
  const ids = (dims) => ({
    dtype: 'int64',
    dims: dims?.length === 2 ? [1, 4] : [4],
    data: new Float64Array(4).fill(1),
  });
  /**
   * Reads the file and all its numbers, evaluates it shortly and recovers the model. Returns the first untyped error, else the
   * first error.
   */
  const use = async (path) => {
    const errors = [];
    const attempt = async (step) => {
      try {
        return await step();
      } catch (error) {
        errors.push(error);
      }
    };
    const model = await attempt(() => readOnnxModel(path));
    if (model) {
      await attempt(() => {
        for (const item of model.graph.initializers.values()) {
          const { data } = item.read();
          const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
          if (bytes.length > 16 && bytes.every((byte) => byte === SECRET)) {
            throw new Error(`read outside the folder: ${item.name}`);
          }
        }
      });
      const feeds = new Map(model.graph.inputs.map(({ name, dims }) => [name, ids(dims)]));
      const limits = { maxMultiplyAdds: 1e7, maxElements: 2 ** 20 };
      await attempt(() => evaluate(model, feeds, limits));
      await attempt(() => importOnnx(path));
    }
    return errors.find((error) => !REFUSALS.includes(error?.code)) ?? errors[0];
  };
  answerCases(async ({ path }) => {
    const error = await use(path);
    if (!error) return 'read';
    return REFUSALS.includes(error.code) ? error.code : `${error.stack}`;
  });
}

async function drive() {
  const options = readArguments({ files: { type: 'string' } });
  const random = randomly(options.seed);
  const files = originals(options.files);
  const { work, path } = stage();
  await fuzz(import.meta.url, options, {
    accepted: 'read',
    maxMs: 2000,
    maxRssMb: 256,
    makeCase: () => {
      const original = files[Math.floor(random() * files.length)];
      const other = files[Math.floor(random() * files.length)];
      const { bytes, kind } = mutate(original.bytes, other.bytes, random);
      fs.writeFileSync(path, bytes);
      return {
        message: { path },
        content: bytes,
        about: { file: original.name, kind },
        countedAs: kind,
      };
    },
    keepAs: (n) => `sinter-fuzz-${options.seed}-${n}.onnx`,
  });
  rmSync(work, { recursive: true, force: true });
}

/** The model.onnx of every folder in `given`, or of the fixtures. */
function originals(given) {
  const shared = join(root, '../shared/fixtures/onnx/zoo');
  const from = given ?? (existsSync(shared) ? shared : join(root, 'test/fixtures/onnx/zoo'));
  return readdirSync(from)
    .map((name) => ({ name, file: join(from, name, 'model.onnx') }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({ name, bytes: readFileSync(file) }));
}

/** A work folder with data files to refer to, a link that leads out of the model's folder, and a file outside of it. */
function stage() {
  const work = mkdtempSync(join(tmpdir(), 'sinter-fuzz-'));
  const folder = join(work, 'model');
  mkdirSync(folder);
  const outside = Buffer.alloc(1 << 20, SECRET);
  fs.writeFileSync(join(work, 'outside.bin'), outside);
  fs.writeFileSync(join(work, 'w.bin'), outside);
  fs.symlinkSync(join(work, 'outside.bin'), join(folder, 'link.bin'));
  fs.writeFileSync(join(folder, 'w.bin'), Buffer.alloc(1 << 16));
  return { work, path: join(folder, 'model.onnx') };
}
