/** Where the core is looked for, and what is said of files that are not it: real cores, cut off, renamed, of other systems. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readBinary } from '../../lib/native/core-binary.js';
import { coreFile, hostLibc, prebuiltPackage } from '../../lib/native/core-file.js';
import { coreDamage, coreProblem } from '../../lib/native/missing-core.js';
import { repository, scratch } from '../build/scratch.js';

type Platforms = Readonly<
  Record<string, { readonly os: string; readonly cpu: string; readonly libc?: 'glibc' | 'musl' }>
>;
const scripts = '../../scripts/prebuild';
const { PLATFORMS } = (await import(`${scripts}/platforms.mjs`)) as {
  readonly PLATFORMS: Platforms;
};
const { checkBinary } = (await import(`${scripts}/check-binary.mjs`)) as {
  checkBinary(file: string, platform: object): string;
};
const CORE = join(repository, 'build', 'Release', 'sinter.node');
const host = { platform: process.platform, arch: process.arch };

describe('packages with a core', () => {
  it('are one for each C library on Linux, one elsewhere, none where none is made', () => {
    expect(prebuiltPackage('linux', 'x64', 'glibc')).toBe('@sinter/linux-x64');
    expect(prebuiltPackage('linux', 'x64', 'musl')).toBe('@sinter/linux-x64-musl');
    expect(prebuiltPackage('darwin', 'arm64', null)).toBe('@sinter/darwin-arm64');
    expect(prebuiltPackage('linux', 'arm64', 'musl')).toBeNull();
    expect(prebuiltPackage('linux', 'riscv64', 'glibc')).toBeNull();
  });

  it('are those that the script makes', () => {
    expect(Object.keys(PLATFORMS)).toHaveLength(6);
    for (const [name, { os, cpu, libc }] of Object.entries(PLATFORMS)) {
      expect(prebuiltPackage(os, cpu, libc ?? null)).toBe(`@sinter/${name}`);
    }
  });
});

it('a core that was compiled here goes first', () => {
  expect(coreFile()).toEqual({ path: process.env.SINTER_NATIVE ?? CORE, package: null });
});

it('the C library is the one that the report of Node.js names', () => {
  const { header } = process.report.getReport() as unknown as {
    readonly header: { readonly glibcVersionRuntime?: string };
  };
  const linux = header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  expect(hostLibc()).toBe(process.platform === 'linux' ? linux : null);
});

describe('a file', () => {
  const bytes = readFileSync(CORE);
  const file = (content: Uint8Array) => {
    const path = join(scratch({ 'sinter.node': '' }), 'sinter.node');
    writeFileSync(path, content);
    return { path, package: '@sinter/linux-x64' };
  };
  const changed = (at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt16LE(value, at);
    return copy;
  };

  it('that is whole has nothing against it', () => {
    expect(coreDamage(file(bytes))).toBeNull();
    expect(readBinary(CORE).binary).toMatchObject(host);
  });

  it.each([
    [0, 'is damaged: its 0 bytes are no native library'],
    [3, 'is damaged: its 3 bytes are no native library'],
    [100, 'is damaged: its 100 bytes are no native library'],
    [bytes.length >> 1, `is damaged: it has ${bytes.length >> 1} of `],
    [bytes.length - 1, `is damaged: it has ${bytes.length - 1} of `],
  ])('that ends after %d bytes is damaged', (length, words) => {
    const cut = file(bytes.subarray(0, length));
    expect(coreDamage(cut)).toContain(
      `the native core of @sinter/linux-x64 at ${cut.path} ${words}`,
    );
  });

  it('of text is damaged', () => {
    expect(coreDamage(file(Buffer.from('version https://example')))).toContain('no native library');
  });

  it.runIf(process.platform === 'linux')('for another processor is named', () => {
    const other = process.arch === 'x64' ? [183, 'arm64'] : [62, 'x64'];
    const foreign = file(changed(18, other[0] as number));
    expect(coreDamage(foreign)).toContain(
      `was made for linux ${other[1]}, and this Node.js is for linux ${process.arch}`,
    );
    const windows = { platform: 'win32', arch: process.arch };
    expect(coreDamage(file(bytes), windows)).toContain(
      `was made for linux ${process.arch}, and this Node.js is for win32 ${process.arch}`,
    );
  });

  it.runIf(hostLibc() === 'glibc')('that asks for musl is named when it does not load', () => {
    const musl = Buffer.from(
      bytes.toString('latin1').replace('\0libc.so.6\0', '\0libc.so\0\0\0'),
      'latin1',
    );
    expect(coreProblem(file(musl), new Error('libc.so: cannot open'))).toContain(
      'was made for musl, and this Node.js uses glibc',
    );
  });

  it.runIf(process.platform === 'linux')(
    'that is checked for a package is refused by what it lacks',
    () => {
      const own = {
        ...{ system: 'Linux', libc: 'glibc' },
        processor: process.arch === 'x64' ? 'x86_64' : 'aarch64',
      };
      // What was compiled here takes its C++ library from the system.
      expect(() => checkBinary(CORE, own)).toThrow(
        /needs .*libstdc\+\+\.so\.6|must need glibc 2\.28/,
      );
      const windows = { system: 'Windows', processor: 'AMD64' };
      expect(() => checkBinary(CORE, windows)).toThrow('must be for Windows AMD64, got Linux');
      const renamed = bytes
        .toString('latin1')
        .replaceAll('napi_register_module', 'napi_register_modulf');
      const { path } = file(Buffer.from(renamed, 'latin1'));
      expect(() => checkBinary(path, own)).toThrow('does not export napi_register_module_v1');
    },
  );
});

/** A library of Mach-O for ARM64: a header, the table of symbols with the entry of a core in it, and perhaps a signature. */
function machLibrary(isSigned: boolean): Buffer {
  const names = Buffer.from('\0_napi_register_module_v1\0');
  const [symbols, strings] = [96, 112];
  const bytes = Buffer.concat([Buffer.alloc(strings), names]);
  bytes.writeUInt32LE(0xfeedfacf, 0);
  bytes.writeUInt32LE(0x100000c, 4);
  bytes.writeUInt32LE(isSigned ? 2 : 1, 16);
  // LC_SYMTAB: offset and count of the symbols, offset and size of their names; then LC_CODE_SIGNATURE.
  for (const [i, word] of [0x2, 24, symbols, 1, strings, names.length, 0x1d, 16].entries()) {
    bytes.writeUInt32LE(word, 32 + 4 * i);
  }
  bytes.writeUInt32LE(1, symbols);
  bytes[symbols + 4] = 0xf;
  return bytes;
}

it('a core for macOS on ARM64 without a signature gets no package', () => {
  const platform = { system: 'Darwin', processor: 'arm64' };
  const folder = scratch({});
  const file = (name: string, content: Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  expect(checkBinary(file('signed', machLibrary(true)), platform)).toBe('needs no library');
  expect(() => checkBinary(file('unsigned', machLibrary(false)), platform)).toThrow(
    'must be signed',
  );
});

describe('an installed package without a compiled core', () => {
  const name = prebuiltPackage(process.platform, process.arch, hostLibc());
  /** node_modules with the bundle, and a core in the package of a platform. */
  function install(platform: string, core: Uint8Array | null): string {
    const root = scratch({ 'package.json': '{}' });
    const modules = join(root, 'node_modules');
    mkdirSync(join(modules, 'sinter', 'dist'), { recursive: true });
    cpSync(join(repository, 'package.json'), join(modules, 'sinter', 'package.json'));
    cpSync(join(repository, 'dist', 'bundle'), join(modules, 'sinter', 'dist', 'bundle'), {
      recursive: true,
    });
    symlinkSync(join(repository, 'models'), join(modules, 'sinter', 'models'));
    symlinkSync(join(repository, 'node_modules', 'tokenizers'), join(modules, 'tokenizers'));
    if (core !== null) {
      const folder = join(modules, platform);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: platform }));
      writeFileSync(join(folder, 'sinter.node'), core);
    }
    return root;
  }
  /** What embedding a text says. */
  async function embed(root: string): Promise<string> {
    const code = `import('sinter').then(({ Encoder }) => Encoder.load()).then((encoder) => encoder.embed(['a'])).then(
      (vectors) => console.log('made', vectors.cols), (error) => console.log(error.code, error.message))`;
    const env = { ...process.env };
    delete env.SINTER_NATIVE;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', code], {
      cwd: root,
      env,
    });
    return stdout.trim();
  }

  it.runIf(name !== null)('takes that of its platform', async () => {
    expect(await embed(install(name as string, readFileSync(CORE)))).toBe('made 384');
  });

  it.runIf(name !== null)('refuses one that is cut off, without a crash', async () => {
    const bytes = readFileSync(CORE);
    const said = await embed(install(name as string, bytes.subarray(0, bytes.length >> 1)));
    expect(said).toMatch(
      /^DEVICE the native core of @sinter\/\S+ at \S+ is damaged: it has \d+ of/,
    );
  });

  it.runIf(name === '@sinter/linux-x64')('does not take that of the other C library', async () => {
    const said = await embed(install('@sinter/linux-x64-musl', readFileSync(CORE)));
    expect(said).toContain(
      'and @sinter/linux-x64 is not installed (@sinter/linux-x64-musl is, and this Node.js uses glibc); run `npm',
    );
  });

  it.runIf(name !== null)('says which package is missing', async () => {
    const said = await embed(install('', null));
    expect(said).toContain(`sinter.node is missing, and ${name} is not installed; run`);
  });
});
