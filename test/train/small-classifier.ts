/** A small classifier and rows that it learns in a few steps; held-out rows with wrong labels get worse all the while. */

import { fileURLToPath } from 'node:url';
import { Classifier } from '../../lib/models/classifier.js';

export const BERT = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));

export const LABELS = ['us', 'them'] as const;
const words = { us: 'people', them: 'states' } as const;

/** `count` rows, in which one word decides. */
export function rowsOf(count: number, isWrong = false) {
  return Array.from({ length: count }, (_, i) => {
    const label = LABELS[i % 2] ?? 'us';
    const other = label === 'us' ? 'them' : 'us';
    return { text: `the ${words[label]} of ${i % 7} and ${i % 5}`, label: isWrong ? other : label };
  });
}

export function smallClassifier(): Promise<Classifier<'us' | 'them'>> {
  return Classifier.load(BERT, { labels: LABELS, seed: 5 });
}
