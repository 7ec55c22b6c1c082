/**
 * What a file of machine code is, read from its header: the system and processor it is for, and how long it has to be.
 *
 * The rule: a file that is cut off is refused before the system maps it, because touching a page behind its end kills the process.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** A native library or program. */
export interface Binary {
  /** As `process.platform` calls it. */
  readonly platform: 'linux' | 'darwin' | 'win32';
  /** As `process.arch` calls it, where Node.js has a name for it here. */
  readonly arch: string;
  /** The bytes that its header speaks of. */
  readonly needed: number;
  /** The loader that a program of Linux names, whose name tells the C library; null for libraries and programs without one. */
  readonly interpreter: string | null;
}

/** A file: its bytes, and what it is; null where the header is none of a native library, or is cut off. */
export interface BinaryFile {
  readonly size: number;
  readonly binary: Binary | null;
}

/** Headers and tables of segments lie in the first pages of what linkers make. */
const HEAD = 8192;

const ELF_ARCHS: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64', 243: 'riscv64' };
const MACH_ARCHS: Readonly<Record<number, string>> = { 16777223: 'x64', 16777228: 'arm64' };
const PE_ARCHS: Readonly<Record<number, string>> = { 34404: 'x64', 43620: 'arm64', 332: 'ia32' };

/** Reads the header of a file. Throws what opening it throws. */
export function readBinary(path: string): BinaryFile {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const head = Buffer.alloc(Math.min(HEAD, size));
    const read = readSync(file, head, 0, head.length, 0);
    return { size, binary: parse(head.subarray(0, read)) };
  } finally {
    closeSync(file);
  }
}

function parse(head: Buffer): Binary | null {
  const magic = head.toString('hex', 0, 4);
  try {
    if (magic === '7f454c46' && head[4] === 2 && head[5] === 1) return parseElf(head);
    if (magic === 'cffaedfe') return parseMach(head);
    if (magic.startsWith('4d5a')) return parsePe(head);
  } catch (error) {
    // A table that ends behind what was read.
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

const u64 = (head: Buffer, at: number): number => Number(head.readBigUInt64LE(at));

/** ELF of 64 bits ("Executable and Linking Format", TIS 1.2, and its extension to 64 bits): segments and the table of sections. */
function parseElf(head: Buffer): Binary {
  const machine = head.readUInt16LE(18);
  let needed = u64(head, 40) + head.readUInt16LE(58) * head.readUInt16LE(60);
  let interpreter: string | null = null;
  for (let i = 0; i < head.readUInt16LE(56); i++) {
    const at = u64(head, 32) + i * head.readUInt16LE(54);
    const [offset, bytes] = [u64(head, at + 8), u64(head, at + 32)];
    needed = Math.max(needed, offset + bytes);
    if (head.readUInt32LE(at) === 3) interpreter = head.toString('latin1', offset, offset + bytes);
  }
  return { platform: 'linux', arch: ELF_ARCHS[machine] ?? `${machine}`, needed, interpreter };
}

/** Mach-O of 64 bits (mach-o/loader.h): its segments. */
function parseMach(head: Buffer): Binary {
  const cpu = head.readUInt32LE(4);
  let [at, needed] = [32, 32];
  for (let i = 0; i < head.readUInt32LE(16); i++) {
    const isSegment = head.readUInt32LE(at) === 0x19;
    if (isSegment) needed = Math.max(needed, u64(head, at + 40) + u64(head, at + 48));
    at += head.readUInt32LE(at + 4);
  }
  return { platform: 'darwin', arch: MACH_ARCHS[cpu] ?? `${cpu}`, needed, interpreter: null };
}

/** PE ("Microsoft Portable Executable and Common Object File Format"): its sections. */
function parsePe(head: Buffer): Binary | null {
  const pe = head.readUInt32LE(60);
  if (head.toString('latin1', pe, pe + 4) !== 'PE\0\0') return null;
  const machine = head.readUInt16LE(pe + 4);
  const sections = pe + 24 + head.readUInt16LE(pe + 20);
  let needed = sections;
  for (let i = 0; i < head.readUInt16LE(pe + 6); i++) {
    const at = sections + i * 40;
    needed = Math.max(needed, head.readUInt32LE(at + 16) + head.readUInt32LE(at + 20));
  }
  return { platform: 'win32', arch: PE_ARCHS[machine] ?? `${machine}`, needed, interpreter: null };
}
