// Writes a version of a model in one of the ways that lib/files has, from dist/, and says when it begins and has ended.
// argv: way (folder, set, file), target, version.
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic, writeFilesAtomic, writeFolderAtomic } from '../../../dist/files/index.js';

const [, , way, target, version] = process.argv;

const ways = {
  folder: () =>
    writeFolderAtomic(target, { mayReplace: async () => {} }, async (folder) => {
      await writeFile(join(folder, 'config.json'), version);
      await mkdir(join(folder, '1_Pooling'));
      await writeFile(join(folder, '1_Pooling', 'config.json'), version);
      await writeFile(join(folder, `only-${version}.txt`), version);
    }),
  set: () =>
    writeFilesAtomic(
      target,
      ['model.onnx_data', 'model.onnx'].map((name) => ({
        name,
        write: (file) => file.writeFile(version),
      })),
    ),
  file: () => writeFileAtomic(target, (file) => file.writeFile(version)),
};

// The native core is loaded before the region that is watched begins.
const mark = (name) => access(`/sinter-${name}`).catch(() => {});
await mark('begin');
await ways[way]();
await mark('end');
