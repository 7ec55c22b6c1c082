// The lint checks: this repository passes them, and each of them catches what it is there for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { check, scratch } from './scratch.js';

describe('this repository', () => {
  it.each(['check-layers.mjs', 'check-files.mjs', 'check-sources.mjs'])('passes %s', (name) => {
    const { status, output } = check(name);
    expect(status, output).toBe(0);
  });
});

describe('check-layers', () => {
  const cases: [title: string, path: string, text: string, message: string][] = [
    [
      'an include of a higher layer',
      'native/kernels/norm/norm.cc',
      '#include "program/program.h"\n',
      'native/kernels/norm/norm.cc:1: native/kernels must not see native/program',
    ],
    [
      'an include that does not start at native/',
      'native/kernels/norm/norm.cc',
      '\n#include "norm.h"\n',
      'native/kernels/norm/norm.cc:2: "norm.h" must be a path from native/',
    ],
    [
      'Node-API outside the addon',
      'native/ops/linear.cc',
      '#include <napi.h>\n',
      'napi.h may only be used in native/addon, native/addon_test',
    ],
    [
      'a folder without a row',
      'native/extras/a.cc',
      '#include "base/isa.h"\n',
      'native/extras has no row',
    ],
    [
      'an import of a higher layer',
      'lib/graph/builder.ts',
      "import { a } from '../core/a.js';\nimport { b } from '../models/b.js';\n",
      'lib/graph/builder.ts:2: lib/graph must not see lib/models',
    ],
    [
      'a type-only import of a higher layer over several lines',
      'lib/core/options.ts',
      "import type {\n  A,\n} from '../graph/a.js';\n",
      'lib/core must not see lib/graph',
    ],
    [
      'a re-export of a higher layer',
      'lib/metrics/index.ts',
      "export { a } from '../train/a.js';\n",
      'lib/metrics must not see lib/train',
    ],
    [
      'a dynamic import of a package that has its own place',
      'lib/models/encoder.ts',
      "const t = await import('tokenizers');\n",
      'tokenizers may only be used in lib/tokenize',
    ],
    [
      'an import that leaves lib/',
      'lib/core/a.ts',
      "import { b } from '../../test/b.js';\n",
      '../../test/b.js leaves lib/',
    ],
  ];
  it.each(cases)('reports %s', (_title, path, text, message) => {
    const { status, output } = check('check-layers.mjs', scratch({ [path]: text }));
    expect(output).toContain(message);
    expect(status).toBe(1);
  });

  it('accepts lower layers, the own layer and lib/index.ts', () => {
    const root = scratch({
      'native/program/plan.cc':
        '#include <vector>\n#include "base/isa.h"\n#include "program/a.h"\n',
      'lib/models/a.ts': "import { b } from '../core/b.js';\nimport { c } from './c.js';\n",
      'lib/index.ts': "export { a } from './cli/a.js';\n",
    });
    expect(check('check-layers.mjs', root)).toEqual({ status: 0, output: 'layers: ok\n' });
  });
});

describe('check-files', () => {
  const body = (lines: number) => `// What it is.\n${'const a = 1;\n'.repeat(lines - 1)}`;

  it('fails above 600 lines, warns above 400, and lets tables be', () => {
    const root = scratch({
      'lib/core/long.ts': body(601),
      'lib/core/longish.ts': body(401),
      'lib/core/fine.ts': body(400),
      'native/base/table.inc': body(900),
    });
    const { status, output } = check('check-files.mjs', root);
    expect(status).toBe(1);
    expect(output).toContain('error: lib/core/long.ts: 601 lines');
    expect(output).toContain('warning: lib/core/longish.ts: 401 lines');
    expect(output).not.toContain('fine.ts');
    expect(output).not.toContain('table.inc');
  });

  it('wants an opening comment, after the interpreter line if there is one', () => {
    const root = scratch({
      'lib/core/bare.ts': 'const a = 1;\n',
      'native/base/bare.h': '#pragma once\n',
      'scripts/fine.sh': '#!/bin/sh\n# What it is.\n',
    });
    const { output } = check('check-files.mjs', root);
    expect(output).toContain('lib/core/bare.ts:1: must open with a comment');
    expect(output).toContain('native/base/bare.h:1: must open with a comment');
    expect(output).not.toContain('fine.sh');
  });

  it('reports paths of one machine, not addresses or relative paths', () => {
    const home = ['', 'home', 'someone', 'data'].join('/');
    const root = scratch({
      'docs/a.md': `fine: https://example.org/home/a ../home/a\nsee ${home}/x.csv\n`,
    });
    const { output } = check('check-files.mjs', root);
    expect(output).toContain('docs/a.md:2: ');
    expect(output).not.toContain('docs/a.md:1: ');
  });
});

describe('check-sources', () => {
  const empty = Object.fromEntries(
    [
      'base',
      'kernel',
      'scalar_kernel',
      'avx2_kernel',
      'avx512_kernel',
      'vnni_kernel',
      'engine',
      'addon',
    ].map((name) => [`${name}_files`, [] as string[]]),
  );
  const list = (lists: Record<string, string[]>) =>
    JSON.stringify({ variables: { ...empty, ...lists } });

  it('reports files in no list, in the wrong one, in two, missing and repeated', () => {
    const root = scratch({
      'native/base/stray.cc': '',
      'native/kernels/norm/norm_avx2.cc': '',
      'native/ops/twice.cc': '',
      'native/other/a.cc': '',
      'native/base/again.cc': '',
      'native/sources.gypi': list({
        base_files: ['ops/twice.cc', 'base/gone.cc', 'base/again.cc', 'base/again.cc'],
        kernel_files: ['kernels/norm/norm_avx2.cc'],
        engine_files: ['ops/twice.cc'],
      }),
    });
    const { status, output } = check('check-sources.mjs', root);
    expect(status).toBe(1);
    for (const message of [
      'native/base/stray.cc: must be in base_files alone, is in no list',
      'norm_avx2.cc: must be in avx2_kernel_files alone, is in kernel_files',
      'native/ops/twice.cc: must be in engine_files alone, is in base_files, engine_files',
      'native/other/a.cc: no list takes files of this folder',
      'base_files: base/gone.cc does not exist',
      'base_files: base/again.cc is listed twice',
      'sources: 6 problems',
    ]) {
      expect(output).toContain(message);
    }
  });

  it('--fix writes lists that pass', () => {
    const root = scratch({
      'native/base/isa.cc': '',
      'native/kernels/norm/norm_vnni.cc': '',
      'native/kernels/norm/norm_scalar.cc': '',
      'native/kernels/gemm_f32/gemm_f32_scalar.cc': '',
      'native/sources.gypi': list({ engine_files: ['ops/gone.cc'] }),
    });
    expect(check('check-sources.mjs', '--fix', root).status).toBe(0);
    const { variables } = JSON.parse(readFileSync(join(root, 'native/sources.gypi'), 'utf8'));
    expect(variables.base_files).toEqual(['base/isa.cc']);
    expect(variables.vnni_kernel_files).toEqual(['kernels/norm/norm_vnni.cc']);
    expect(variables.scalar_kernel_files).toEqual(['kernels/norm/norm_scalar.cc']);
    expect(variables.kernel_files).toEqual(['kernels/gemm_f32/gemm_f32_scalar.cc']);
    expect(variables.engine_files).toEqual([]);
  });
});
