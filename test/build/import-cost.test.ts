/**
 * What importing the package loads: the modules of the classes and no more. Loading a model, writing, training and reading rows
 * load theirs at first use.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

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
