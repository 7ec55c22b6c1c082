/** What console.log shows of a model: a line, not its insides. */
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';

it('names the class, the model, its task and its limit', async () => {
  await using encoder = await Encoder.load();
  expect(inspect(encoder)).toBe(
    "Encoder { model: 'all-MiniLM-L6-v2', task: 'embedding', maxTokens: 256 }",
  );
  const path = 'test/fixtures/encoders/bert-seqcls';
  await using classifier = await Classifier.load(path);
  expect(inspect(classifier).split('\n')[0]).toBe('Classifier {');
  expect(inspect(classifier)).toContain('labels: 3');
  expect(inspect(classifier)).not.toContain('parts');
});
