// How the tests run: three projects, whose files are named in test/projects.ts. Native code is exercised in forked processes,
// never threads of this one, so that a crash in the addon fails one file and not the run.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { ALL, SLOW, UNIT } from './test/projects.js';

export default defineConfig({
  test: {
    // A core is left to the machine where there are more than two; one worker on two cores would leave half of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // What one run recovers from ONNX files must not spare the next one the work; tests of the cache have folders of their own.
    env: { SINTER_CACHE: 'off' },
    globalSetup: ['scripts/fixtures.mjs'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // One after the other. Where files share a worker, it takes the next one only if that is of the same project.
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [...UNIT],
          setupFiles: ['test/unit-setup.ts'],
          pool: 'threads',
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'native',
          include: [ALL],
          exclude: [...UNIT, ...SLOW],
          pool: 'forks',
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: [...SLOW],
          pool: 'forks',
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
