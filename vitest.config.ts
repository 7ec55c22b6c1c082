// How the tests run. Native code is exercised in forked processes, never threads of this one, so
// that a crash in the addon fails one file and not the run.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // A core is left to the machine where there are more than two; one worker on two cores would leave half of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // What one run recovers from ONNX files must not spare the next one the work; tests of the cache have folders of their own.
    env: { SINTER_CACHE: 'off' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
