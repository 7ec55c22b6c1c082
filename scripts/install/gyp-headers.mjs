// Makes the folder that node-gyp's --nodedir wants out of the node-api-headers package, so that node-gyp
// downloads nothing. The addon uses Node-API only, hence no other header and no V8 flags are needed.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// node-gyp includes these two files in every build; ours hold only what an addon needs.
const COMMON = `{
  'variables': { 'visibility%': 'hidden' },
  'target_defaults': {
    'default_configuration': 'Release',
    'configurations': { 'Debug': {}, 'Release': {} },
    'defines': ['BUILDING_NODE_EXTENSION'],
    'conditions': [
      ['OS != "win"', { 'cflags': ['-fPIC', '-pthread'], 'ldflags': ['-pthread'] }],
      ['OS == "mac"', { 'xcode_settings': {
        'CLANG_CXX_LIBRARY': 'libc++',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
        'MACOSX_DEPLOYMENT_TARGET': '11.0',
        'OTHER_LDFLAGS': ['-undefined dynamic_lookup']
      } }]
    ]
  }
}
`;

/** Fills `folder` and returns it. Files that did not change keep their content, so nothing is rebuilt. */
export function writeGypHeaders(folder) {
  const include = join(folder, 'include', 'node');
  mkdirSync(include, { recursive: true });
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  cpSync(headers, include, { recursive: true, preserveTimestamps: true });
  writeFileSync(join(include, 'common.gypi'), COMMON);
  const arch = JSON.stringify(process.arch);
  const config = {
    target_defaults: {},
    variables: { host_arch: process.arch, target_arch: process.arch },
  };
  writeFileSync(
    join(include, 'config.gypi'),
    `# Node-API build for ${arch}\n${JSON.stringify(config, null, 2)}\n`,
  );
  return folder;
}
