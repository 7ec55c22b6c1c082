// The levels of the kernels on this kind of processor, from the lowest, and which of them its CPU has.

import { native } from '../lib/native/native.js';
import type { IsaName } from '../lib/native/program.js';

export const LEVELS: readonly IsaName[] =
  process.arch === 'arm64'
    ? ['scalar', 'neon', 'dotprod', 'i8mm']
    : ['scalar', 'avx2', 'avxvnni', 'avx512', 'vnni'];

export const hasLevel = (level: IsaName): boolean => native().isa().levels.includes(level);

/** Those of the host, the best at the end. */
export const hostLevels = (): readonly IsaName[] => native().isa().levels;
