// Makes dist/index.d.ts: the declarations of what lib/index.ts exports, and of all that those types name, in one file.
// What tsc writes for each module names internal modules and, through them, packages whose declarations do not compile.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateDtsBundle } from 'dts-bundle-generator';

/** `[Symbol.asyncDispose]` is in no default library of TypeScript. */
const HEADER = '/// <reference lib="esnext.disposable" />\n';

/** Of all declarations and of this file: a bundle takes as long as a compilation. */
function hashOf(folder) {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  const paths = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.d.ts'));
  for (const path of paths.sort()) hash.update(path).update(readFileSync(join(folder, path)));
  return hash.digest('hex');
}

/** From the declarations that tsc wrote to dist/.types. Does nothing where they are those of the last time. */
export function bundleDeclarations(root) {
  const types = join(root, 'dist', '.types');
  const target = join(root, 'dist', 'index.d.ts');
  const stamp = join(types, 'bundled');
  const hash = hashOf(types);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  const output = { noBanner: true, exportReferencedTypes: false };
  const [bundle] = generateDtsBundle([{ filePath: join(types, 'index.d.ts'), output }], {
    preferredConfigPath: join(root, 'tsconfig.json'),
  });
  writeFileSync(target, HEADER + bundle);
  writeFileSync(stamp, hash);
}
