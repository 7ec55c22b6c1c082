// Names of the kernels' levels on this kind of processor, from the lowest.
export const LEVELS =
  process.arch === 'arm64'
    ? ['scalar', 'neon', 'dotprod', 'i8mm']
    : ['scalar', 'avx2', 'avxvnni', 'avx512', 'vnni'];
