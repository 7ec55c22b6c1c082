// Loaded before a program that runs under qemu: packages with compiled parts come from the folder of SINTER_ARM64_MODULES.
import { createRequire, register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.env.SINTER_ARM64_MODULES, 'package.json'));
const url = pathToFileURL(require.resolve('tokenizers')).href;
const hooks = `export const resolve = (name, context, next) =>
  name === 'tokenizers' ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
