// What share of a processor's peak the inner loops of the products can reach, by LLVM's model of it: a stand-in for speed, which needs
// such a processor. Compile first with scripts/check-arm64.mjs --build.
//
//   node scripts/arm64/inner-loops.mjs [--mca llvm-mca-19] [--cpus neoverse-n1,neoverse-v1,apple-m1]
//
// The peak is what the model gives the loop without all that does not multiply. Caches and memory are not modelled.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    mca: { type: 'string', default: 'llvm-mca-19' },
    cpus: { type: 'string', default: 'neoverse-n1,neoverse-v1,apple-m1' },
  },
});
const objects = join(import.meta.dirname, '../../build-arm64/cmake/CMakeFiles');
/** The products, and the instructions that multiply. */
const PRODUCTS = [
  { name: 'f32, neon', object: 'neon', family: 'gemm_f32', instruction: 'fmla' },
  { name: 'int8, dotprod', object: 'dotprod', family: 'gemm_s8', instruction: 'sdot' },
  { name: 'int8, i8mm', object: 'i8mm', family: 'gemm_s8', instruction: 'usmmla' },
];

function output(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    input,
    maxBuffer: 2 ** 28,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(0, 500)}`);
  return stdout;
}

/** The loops of an object file that hold no other branch, as lists of instructions. */
function loopsOf(file) {
  const text = output('aarch64-linux-gnu-objdump', ['-d', '--no-show-raw-insn', file]);
  const loops = [];
  let lines = [];
  for (const line of text.split('\n')) {
    const [, address, words] = /^\s+([0-9a-f]+):\s+(.*)$/.exec(line) ?? [];
    if (address === undefined) lines = [];
    else {
      const [, target] =
        /^(?:b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+([0-9a-f]+)/.exec(words) ?? [];
      const start = lines.findIndex((one) => one.address === target);
      if (start >= 0) loops.push(lines.slice(start).map((one) => one.words));
      if (/^(?:b|br|bl|blr|ret|cbn?z|tbn?z)\b/.test(words)) lines = [];
      else lines.push({ address, words });
    }
  }
  return loops;
}

/** Cycles of one turn of a loop, by the model of a processor. */
function cyclesOf(instructions, cpu) {
  const iterations = 200;
  const code = instructions.map((line) => line.replace(/\s*(?:\/\/|<).*$/, '')).join('\n');
  const args = [
    '-mtriple=aarch64',
    `-mcpu=${cpu}`,
    '-mattr=+dotprod,+i8mm',
    `-iterations=${iterations}`,
  ];
  const [, cycles] = /Total Cycles:\s+(\d+)/.exec(output(values.mca, args, code));
  return Number(cycles) / iterations;
}

for (const { name, object, family, instruction } of PRODUCTS) {
  const file = join(
    objects,
    `sinter_${object}.dir/native/kernels/${family}/${family}_${object}.cc.o`,
  );
  const isProduct = (line) => new RegExp(`^(?:${instruction})\\t`).test(line);
  const count = (loop) => loop.filter(isProduct).length;
  const loop = loopsOf(file).sort((a, b) => count(b) - count(a))[0];
  const alone = loop.filter(isProduct);
  for (const cpu of values.cpus.split(',')) {
    const peak = alone.length / cyclesOf(alone, cpu);
    const reached = count(loop) / cyclesOf(loop, cpu);
    const words = `${count(loop)} of ${loop.length} instructions are ${instruction}`;
    console.log(
      `${name}, ${cpu}: ${reached.toFixed(2)} a cycle of ${peak.toFixed(2)}, ${((100 * reached) / peak).toFixed(0)} %; ${words}`,
    );
  }
}
