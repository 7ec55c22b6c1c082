/**
 * The declarations of the package as npm packs it: programs of users compile against them with every check on, wrong calls do not,
 * and each type that a user meets has a name to import.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { packedFiles } from './packed.js';
import { repository, scratch } from './scratch.js';

/** Milliseconds: a compilation takes seconds of a core that others may use too. */
const TIMEOUT = 300_000;

/** A project of a user: the programs of test/consumer, and the declarations where npm would put them. */
function makeProject(): string {
  const project = scratch({ 'package.json': '{ "private": true, "type": "module" }' });
  const installed = join(project, 'node_modules', 'sinter');
  const wanted = packedFiles().filter((path) => path.endsWith('.d.ts') || path === 'package.json');
  for (const path of wanted) {
    mkdirSync(dirname(join(installed, path)), { recursive: true });
    cpSync(join(repository, path), join(installed, path));
  }
  cpSync(join(repository, 'test', 'consumer'), join(project, 'consumer'), { recursive: true });
  return project;
}

/** What the compiler has to say about the programs and every declaration that they reach. */
function mistakes(options: ts.CompilerOptions): string {
  const project = makeProject();
  const names = readdirSync(join(project, 'consumer'));
  const program = ts.createProgram(
    names.map((name) => join(project, 'consumer', name)),
    {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
      // The libraries of TypeScript itself.
      skipDefaultLibCheck: true,
      ...options,
    },
  );
  const diagnostics = ts.getPreEmitDiagnostics(program);
  return ts.formatDiagnostics(diagnostics, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => project,
    getNewLine: () => '\n',
  });
}

describe('programs of users compile', () => {
  const node = {
    types: ['node'],
    typeRoots: [join(repository, 'node_modules', '@types')],
    lib: ['lib.es2022.d.ts'],
  };
  const { ModuleKind, ModuleResolutionKind, ScriptTarget } = ts;
  const target = ScriptTarget.ES2022;

  it(
    'with moduleResolution node16',
    () => {
      expect(mistakes({ ...node, target, module: ModuleKind.Node16 })).toBe('');
    },
    TIMEOUT,
  );

  it(
    'with moduleResolution bundler, without the types of Node',
    () => {
      const options = {
        target,
        types: [],
        lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
        module: ModuleKind.ES2022,
        moduleResolution: ModuleResolutionKind.Bundler,
      };
      expect(mistakes(options)).toBe('');
    },
    TIMEOUT,
  );
});

/** Types that a file declares at its top, and those of them that it exports. */
function typesOf(source: ts.SourceFile): { declared: Set<string>; exported: Set<string> } {
  const declared = new Set<string>();
  const exported = new Set<string>();
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      if (clause === undefined || !ts.isNamedExports(clause)) continue;
      for (const { propertyName, name } of clause.elements)
        exported.add((propertyName ?? name).text);
      continue;
    }
    const isType =
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isClassDeclaration(statement);
    if (!isType || statement.name === undefined) continue;
    const name = statement.name.text;
    declared.add(name);
    const isExported = statement.modifiers?.some((one) => one.kind === ts.SyntaxKind.ExportKeyword);
    if (isExported) exported.add(name);
  }
  return { declared, exported };
}

describe('the declarations', () => {
  const path = join(repository, 'dist', 'index.d.ts');
  const text = readFileSync(path, 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);

  it('are one file that imports nothing', () => {
    expect(packedFiles().filter((file) => file.endsWith('.d.ts') || file.endsWith('.map'))).toEqual(
      ['dist/index.d.ts'],
    );
    expect(source.statements.filter(ts.isImportDeclaration).map((one) => one.getText())).toEqual(
      [],
    );
    expect(text).not.toContain('import(');
  });

  it('export every type that an exported one names', () => {
    const { declared, exported } = typesOf(source);
    expect(declared.size).toBeGreaterThan(100);
    expect([...declared].filter((name) => !exported.has(name))).toEqual([]);
  });
});
