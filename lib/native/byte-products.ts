/** How the kernels' levels multiply bytes. */
import type { IsaName } from './program.js';

/** Their instructions for products of bytes saturate unless one side has 7 bits. */
const SATURATING: ReadonlySet<IsaName> = new Set(['scalar', 'avx2', 'avx512']);

/** Whether products of 8-bit codes are as fast as those of 7-bit ones: by VNNI, AVX-VNNI, and on all of ARM64. */
export const hasExactByteProducts = (level: IsaName): boolean => !SATURATING.has(level);
