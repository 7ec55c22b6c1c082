// How the tests run: three projects, whose files are named in test/projects.ts. Native code is exercised in forked processes,
// never threads of this one, so that a crash in the addon fails one file and not the run.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { ALL, LONGEST, SLOW, UNIT } from './test/projects.js';

/** As vitest orders files, but for the longest ones, which start first: a fresh checkout has no durations of an earlier run. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      if (project.name !== 'slow') return 0;
      return LONGEST.some((file) => moduleId.endsWith(`/${file}`)) ? 1 : 2;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

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
    sequence: { sequencer: LongestFirst },
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
