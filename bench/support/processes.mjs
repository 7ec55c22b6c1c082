// Measuring in processes of their own: the number of threads and the kernel level are decided once per process.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What one level stands for in the names that other engines know; null where one cannot be told. */
const OTHERS = {
  scalar: { CT2_FORCE_CPU_ISA: 'GENERIC', ONEDNN_MAX_CPU_ISA: 'SSE41' },
  avx2: { CT2_FORCE_CPU_ISA: 'AVX2', ONEDNN_MAX_CPU_ISA: 'AVX2' },
  avx512: { CT2_FORCE_CPU_ISA: 'AVX512', ONEDNN_MAX_CPU_ISA: 'AVX512_CORE' },
};

/** For the tables: who obeys --isa. */
export const ISA_NOTE =
  'forced with --isa; the oneDNN of CTranslate2 and OpenVINO is told the same, ONNX Runtime cannot be and takes the best';

/** The variables that make a process run at a kernel level. */
export function isaVariables(isa) {
  return isa === undefined ? {} : { SINTER_ISA: isa, ...OTHERS[isa] };
}

/** Runs a worker file with `options` and gives the message that it sends back. */
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
