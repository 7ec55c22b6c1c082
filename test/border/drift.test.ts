/**
 * The addon has exactly what the files of lib/native declare: names, abi, error codes.
 *
 * Member names are read from the TypeScript source, so the interfaces stay the one description of the border.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../lib/core/errors.js';
import { OPS } from '../../lib/graph/ops.js';
import { STORAGE_NAMES } from '../../lib/graph/storages.js';
import { LOSSES } from '../../lib/native/losses.js';
import { NATIVE_ABI, native } from '../../lib/native/native.js';
import { OPTIMIZER_KINDS } from '../../lib/native/training.js';
import { LEVELS } from '../isa-levels.js';

const folder = fileURLToPath(new URL('../../lib/native/', import.meta.url));
const statements = readdirSync(folder).flatMap((file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  return [...ts.createSourceFile(file, text, ts.ScriptTarget.ES2022).statements];
});

/** The members of an interface in lib/native. */
function membersOf(name: string): { readonly name: string; readonly isMethod: boolean }[] {
  const found = statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  );
  if (found === undefined) throw new Error(`${folder} has no interface ${name}`);
  return found.members.map((member) => {
    if (member.name === undefined || !ts.isIdentifier(member.name)) {
      throw new Error(`${name} has a member without a plain name`);
    }
    return { name: member.name.text, isMethod: ts.isMethodSignature(member) };
  });
}

const methodsOf = (prototype: object) =>
  Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');

describe('the border', () => {
  const binding = native();

  it('exports the members of NativeBinding and nothing else', () => {
    const declared = membersOf('NativeBinding').map(({ name }) => name);
    expect(Object.keys(binding).sort()).toEqual(declared.sort());
  });

  it.each([
    ['Store', 'NativeStore'],
    ['Program', 'NativeProgram'],
    ['Trainer', 'NativeTrainer'],
    ['Gram', 'NativeGram'],
    ['Histogram', 'NativeHistogram'],
    ['WordList', 'NativeWordList'],
    ['WordPieces', 'NativeWordPieces'],
    ['BytePairs', 'NativeBytePairs'],
  ] as const)('%s has the methods of %s and nothing else', (name, declared) => {
    const { prototype } = binding[name];
    const methods = membersOf(declared).filter(({ isMethod }) => isMethod);
    expect(methodsOf(prototype).sort()).toEqual(methods.map(({ name }) => name).sort());
    for (const method of methodsOf(prototype)) {
      const value: unknown = Reflect.get(prototype, method);
      expect(typeof value, method).toBe('function');
    }
  });

  it('has the abi that TypeScript expects', () => {
    expect(binding.abi).toBe(NATIVE_ABI);
  });

  it('has the operations of the graph', () => {
    const rows = readFileSync(new URL('../../native/ops/all_ops.inc', import.meta.url), 'utf8');
    const names = [...rows.matchAll(/^SINTER_OP\((\w+)\)$/gm)].map(([, name]) => name);
    expect(names.sort()).toEqual(Object.keys(OPS).sort());
  });

  it('has the error codes of SinterError, in the same order', () => {
    expect(binding.errorCodes()).toEqual([...ERROR_CODES]);
  });

  it('has the storages of weights of the graph, in the same order', () => {
    expect(binding.storages()).toEqual(STORAGE_NAMES);
  });

  it('has the losses and the optimizers that TypeScript lists, in the same order', () => {
    const listed = Object.entries(LOSSES).map(([name, row]) => ({ name, ...row }));
    expect(binding.losses()).toEqual(listed);
    expect(binding.optimizers()).toEqual([...OPTIMIZER_KINDS]);
  });

  it('names an active level that is not above the host', () => {
    const { active, host, levels } = binding.isa();
    expect(LEVELS).toEqual(expect.arrayContaining(levels));
    expect(levels[0]).toBe('scalar');
    expect(levels.at(-1)).toBe(host);
    expect(levels).toContain(active);
  });

  it('gives job ids that rise', () => {
    const first = binding.nextJobId();
    expect(binding.nextJobId()).toBe(first + 1);
  });
});
