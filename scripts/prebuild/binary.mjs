// Reads what a native library exports and what it needs of others: ELF, Mach-O and PE of 64 bits, little-endian.
import { readFileSync } from 'node:fs';

/** `exports`: names. `libraries`: files that it needs. `versions`: of symbols ("GLIBC_2.17"), on Linux. `isSigned`: on macOS. */
export function readLibrary(file) {
  const bytes = readFileSync(file);
  const magic = bytes.toString('hex', 0, 4);
  if (magic === '7f454c46') return readElf(bytes);
  if (magic === 'cffaedfe') return readMach(bytes);
  if (magic.startsWith('4d5a')) return readPe(bytes);
  throw new Error(`${file} is no native library: it begins with ${magic}`);
}

const u64 = (bytes, at) => Number(bytes.readBigUInt64LE(at));
const text = (bytes, at) => bytes.toString('latin1', at, bytes.indexOf(0, at));

function readElf(bytes) {
  const machine = { 62: 'x86_64', 183: 'aarch64' }[bytes.readUInt16LE(18)];
  const sections = Array.from({ length: bytes.readUInt16LE(60) }, (_, i) => {
    const at = u64(bytes, 40) + i * bytes.readUInt16LE(58);
    const [type, link] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 40)];
    return { type, link, offset: u64(bytes, at + 24), size: u64(bytes, at + 32) };
  });
  const of = (type, size) =>
    sections
      .filter((one) => one.type === type)
      .flatMap((one) =>
        Array.from({ length: one.size / size }, (_, i) => ({
          at: one.offset + i * size,
          strings: sections[one.link].offset,
        })),
      );
  // Type 11: the dynamic symbols. Bound globally or weakly, and defined in a section: exported.
  const exported = of(11, 24).filter(
    ({ at }) => bytes[at + 4] >> 4 !== 0 && bytes.readUInt16LE(at + 6) !== 0,
  );
  const exports = exported.map(({ at, strings }) => text(bytes, strings + bytes.readUInt32LE(at)));
  // Type 6: the dynamic entries, of which tag 1 names a library.
  const needed = of(6, 16).filter(({ at }) => u64(bytes, at) === 1);
  const libraries = needed.map(({ at, strings }) => text(bytes, strings + u64(bytes, at + 8)));
  const versions = sections
    .filter((one) => one.type === 0x6ffffffe)
    .flatMap((one) => neededVersions(bytes, one.offset, sections[one.link].offset));
  return { system: 'Linux', machine, exports, libraries, versions };
}

/** The chain of libraries in a table of needed versions, and the chain of versions of each. */
function neededVersions(bytes, start, strings) {
  const names = [];
  for (let at = start, next = -1; next !== 0; at += next) {
    next = bytes.readUInt32LE(at + 12);
    let version = at + bytes.readUInt32LE(at + 8);
    for (let i = 0; i < bytes.readUInt16LE(at + 2); i++) {
      names.push(text(bytes, strings + bytes.readUInt32LE(version + 8)));
      version += bytes.readUInt32LE(version + 12);
    }
  }
  return names;
}

function readMach(bytes) {
  const machine = { 16777223: 'x86_64', 16777228: 'arm64' }[bytes.readUInt32LE(4)];
  const [exports, libraries] = [[], []];
  let isSigned = false;
  let at = 32;
  for (let i = 0; i < bytes.readUInt32LE(16); i++) {
    const command = bytes.readUInt32LE(at);
    if (command === 0x1d) isSigned = true;
    if (command === 0xc) libraries.push(text(bytes, at + bytes.readUInt32LE(at + 8)));
    if (command === 0x2) {
      const [symbols, count] = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
      const strings = bytes.readUInt32LE(at + 16);
      for (let j = 0; j < count; j++) {
        const symbol = symbols + j * 16;
        // External (1), not private (0x10), and defined in a section (0xe).
        const kind = bytes[symbol + 4];
        if ((kind & 0x1f) === 0xf) exports.push(text(bytes, strings + bytes.readUInt32LE(symbol)));
      }
    }
    at += bytes.readUInt32LE(at + 4);
  }
  // C names have an underscore before them.
  const plain = exports.map((name) => name.replace(/^_/, ''));
  return { system: 'Darwin', machine, exports: plain, libraries, versions: [], isSigned };
}

function readPe(bytes) {
  const pe = bytes.readUInt32LE(60);
  const machine = { 34404: 'AMD64', 43620: 'ARM64' }[bytes.readUInt16LE(pe + 4)];
  const optional = pe + 24;
  const table = optional + bytes.readUInt16LE(pe + 20);
  const sections = Array.from({ length: bytes.readUInt16LE(pe + 6) }, (_, i) => table + i * 40);
  const offset = (address) => {
    const section = sections.find((at) => {
      const start = bytes.readUInt32LE(at + 12);
      return address >= start && address < start + bytes.readUInt32LE(at + 16);
    });
    if (section === undefined) throw new Error(`address ${address} lies in no section`);
    return address - bytes.readUInt32LE(section + 12) + bytes.readUInt32LE(section + 20);
  };
  const exports = [];
  const exported = bytes.readUInt32LE(optional + 112);
  if (exported !== 0) {
    const at = offset(exported);
    const names = offset(bytes.readUInt32LE(at + 32));
    for (let i = 0; i < bytes.readUInt32LE(at + 24); i++)
      exports.push(text(bytes, offset(bytes.readUInt32LE(names + i * 4))));
  }
  // Imported at load (its name at 12), and at the first call (its name at 4).
  const libraries = [
    ...importedNames(bytes, offset, bytes.readUInt32LE(optional + 120), 20, 12),
    ...importedNames(bytes, offset, bytes.readUInt32LE(optional + 216), 32, 4),
  ];
  return { system: 'Windows', machine, exports, libraries, versions: [] };
}

function importedNames(bytes, offset, address, size, nameAt) {
  const names = [];
  if (address === 0) return names;
  for (let at = offset(address); bytes.readUInt32LE(at + nameAt) !== 0; at += size)
    names.push(text(bytes, offset(bytes.readUInt32LE(at + nameAt))));
  return names;
}
