/**
 * What importing the package loads: the modules of the classes and no more. Loading a model, writing, training and reading rows
 * load theirs at first use.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
const BUNDLE = new URL('../../dist/bundle/index.js', import.meta.url).href;

/** Prints the URL of each module that is loaded after this one. */
const HOOKS = `
import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  writeSync(1, url + '\\n');
  return next(url, context);
}`;
const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
const REGISTER = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOKS))});`;

/** Modules of the package and of its dependencies that importing `url` loads. */
async function modulesOf(url: string): Promise<string[]> {
  const script = `await import(${JSON.stringify(url)});`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--import', dataUrl(REGISTER), '--input-type=module', '-e', script],
  ]);
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('file:'))
    .map((line) => fileURLToPath(line).slice(root.length));
}

it('importing the package loads what an import needs', async () => {
  const modules = await modulesOf(LIBRARY);
  expect(modules).toContain('dist/models/encoder.js');
  const heavy =
    /^dist\/(architectures|tokenize\/text-tokenizer|formats\/(hf-folder|torch|onnx\/(import|write-onnx))|files|hub\/download|train\/train-loop|data\/(delimited|json-lines)|report|cli)|node_modules\//;
  expect(modules.filter((path) => heavy.test(path))).toEqual([]);
});

it('the bundle loads the same, in few modules', async () => {
  const modules = await modulesOf(BUNDLE);
  expect(modules).toContain('dist/bundle/index.js');
  expect(modules.filter((path) => !path.startsWith('dist/bundle/'))).toEqual([]);
  expect(modules.length).toBeLessThan(40);
  // A chunk names every module that it is made of.
  const parts = modules.flatMap((path) => {
    const code = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    return [...code.matchAll(/^\/\/ (dist\/.*\.js)$/gm)].map(([, part]) => part as string);
  });
  expect(parts).toContain('dist/models/encoder.js');
  const heavy = /^dist\/(architectures|tokenize\/text-tokenizer|formats\/onnx\/import|cli)/;
  expect(parts.filter((part) => heavy.test(part))).toEqual([]);
});

it('a model whose texts the core reads leaves the tokenizers package alone, until a text needs it', async () => {
  const script = `
    import { createRequire } from 'node:module';
    import { Encoder } from ${JSON.stringify(BUNDLE)};
    const isLoaded = () =>
      Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('tokenizers'));
    const encoder = await Encoder.load();
    await encoder.embed(['a text', 'ein schöner Text', '中文']);
    const before = isLoaded();
    await encoder.embed(['a [MASK]']);
    console.log(before, isLoaded());`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '-e', script],
  ]);
  expect(stdout).toBe('false true\n');
});
