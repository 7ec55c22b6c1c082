// The flags of `sinter train` that choose the loss: they reach the training, and wrong ones are refused before it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const ROWS = `text,label\n${Array.from({ length: 24 }, (_, i) => `the ${i % 3 ? 'people' : 'states'} ${i},${i % 3 ? 'a' : 'b'}\n`).join('')}`;

async function train(name: string, flags: readonly string[]) {
  const file = await scratch.file('rows.csv', ROWS);
  const out = scratch.path(name);
  const base = ['train', '--train', file, '--model', TINY, '--out', out, '--epochs', '1'];
  const { code, stderr } = await sinter([...base, '--quiet', ...flags]);
  const record = async () => JSON.parse(await readFile(join(out, 'training.json'), 'utf8'));
  return { code, stderr, out, record };
}

describe('sinter train', () => {
  it('trains with weights, smoothing and balanced sampling, and records them', async () => {
    const { code, stderr, record } = await train('weighted', [
      ...['--class-weights', '{"b": 2}', '--label-smoothing', '0.1', '--sampling', 'balanced'],
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { settings } = await record();
    expect(settings).toMatchObject({
      ...{ classWeights: { b: 2 }, labelSmoothing: 0.1, sampling: 'balanced' },
    });
  });

  it('distils from a teacher', async () => {
    const teacher = await train('teacher', []);
    const student = await train('student', [
      ...['--teacher', teacher.out, '--alpha', '0.7', '--temperature', '4'],
    ]);
    expect(student.stderr).toBe('');
    const { settings, steps } = await student.record();
    expect(settings).toMatchObject({ alpha: 0.7, temperature: 4 });
    expect(steps[0].loss).not.toBe((await teacher.record()).steps[0].loss);
  });

  it.each([
    [['--loss', 'huber'], 'loss must be one of "cross_entropy", "focal", got "huber"'],
    [['--class-weights', 'even'], 'It must be balanced, or JSON such as {"label": 2}'],
    [['--class-weights', '{"c": 2}'], 'must be weights of a, b, got "c"'],
    [['--focal-gamma', '1'], '--focal-gamma must be left out'],
    [['--alpha', '0.5'], 'alpha must be left out without a teacher'],
    [['--label-smoothing', '1'], 'It must be a share from 0, below 1'],
    [
      ['--task', 'tags', '--smooth-l1-beta', '1'],
      '--smooth-l1-beta is for classifiers and regressions, not for tags',
    ],
    [
      ['--task', 'multi-label', '--teacher', 'x'],
      '--teacher is for classifiers with one label per text, not for multi-label',
    ],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await train('refused', flags);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
