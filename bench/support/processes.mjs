// Measures in processes of their own, because the number of threads and the kernel level are fixed once per process.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The variables with which other engines are forced to a level; a level without an entry cannot be forced on them. */
const OTHERS = {
  scalar: { CT2_FORCE_CPU_ISA: 'GENERIC', ONEDNN_MAX_CPU_ISA: 'SSE41' },
  avx2: { CT2_FORCE_CPU_ISA: 'AVX2', ONEDNN_MAX_CPU_ISA: 'AVX2' },
  avx512: { CT2_FORCE_CPU_ISA: 'AVX512', ONEDNN_MAX_CPU_ISA: 'AVX512_CORE' },
};

/** A note for the tables: which engines obey --isa. */
export const ISA_NOTE =
  'forced with --isa; the oneDNN of CTranslate2 and OpenVINO is told the same, ONNX Runtime cannot be and takes the best';

/** The environment variables that make a process run at a kernel level. */
export function isaVariables(isa) {
  return isa === undefined ? {} : { SINTER_ISA: isa, ...OTHERS[isa] };
}

/** Runs a worker file with `options` in a process and returns the message that it sends. */
export function answerOf(worker, options) {
  const variables = isaVariables(options.isa);
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(worker), [JSON.stringify(options)], {
      env: { ...process.env, ...variables },
    });
    let answer;
    child.on('message', (message) => {
      answer = message;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (answer === undefined) reject(new Error(`${worker.pathname} ended with code ${code}`));
      else resolve(answer);
    });
  });
}
