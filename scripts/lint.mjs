// Runs all checks of `npm run lint`, and fails if any of them failed. Build the addon first: one check reads its objects.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = process.execPath;
const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
const checks = [
  ['biome', node, biome, 'check', '--error-on-warnings', '.'],
  ['layers', node, 'scripts/check-layers.mjs'],
  ['files', node, 'scripts/check-files.mjs'],
  ['sources', node, 'scripts/check-sources.mjs'],
  ['api reference', node, 'scripts/api-docs.mjs', '--check'],
  ['isa objects', 'bash', 'scripts/check-isa-objects.sh'],
  ['clang-format', 'bash', 'scripts/format-native.sh', '--check'],
];

const failed = checks.filter(([, command, ...args]) => {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  return result.status !== 0;
});
for (const [name] of failed) console.error(`lint: ${name} failed`);
if (failed.length > 0) process.exitCode = 1;
else console.log(`lint: ${checks.length} checks passed`);
