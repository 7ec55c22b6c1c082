// How the tests run. Native code is exercised in forked processes, never threads of this one, so
// that a crash in the addon fails one file and not the run.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
