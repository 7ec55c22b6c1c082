/**
 * What `sinter inspect` says of the sentence-transformers files of a folder beside pooling and length.
 *
 * A line for each setting that is not the usual one, so that nothing of these files works unseen.
 */
import type { SentenceSettings } from '../graph/checkpoint.js';
import { truncate } from './output.js';

/** Settings of the files in the order of the lines; null values and empty lists are what they are without the files. */
export type SentenceFindings = Pick<
  SentenceSettings,
  'prompts' | 'defaultPrompt' | 'truncateDim' | 'similarityFnName' | 'activation' | 'ignored'
>;

export function sentenceFindings(settings: SentenceSettings | null): SentenceFindings | null {
  if (settings === null) return null;
  const { prompts, defaultPrompt, truncateDim, similarityFnName, activation, ignored } = settings;
  return { prompts, defaultPrompt, truncateDim, similarityFnName, activation, ignored };
}

/** The lines, each with its name. */
export function sentenceFacts(findings: SentenceFindings | null): [string, string][] {
  if (findings === null) return [];
  const { prompts, defaultPrompt, truncateDim, similarityFnName, activation, ignored } = findings;
  const used = defaultPrompt === null ? '' : (prompts[defaultPrompt] ?? '');
  const names = Object.keys(prompts);
  const facts: [string, string | null][] = [
    ['vectors', truncateDim === null ? null : `their first ${truncateDim} numbers`],
    ['compared by', similarityFnName === 'cosine' ? null : similarityFnName],
    ['scores', activation],
    ['prompts', names.length === 0 ? null : truncate(names.join(', '), 60)],
    ['every text', used === '' ? null : `begins with ${JSON.stringify(used)}`],
    ['ignored', ignored.length === 0 ? null : truncate(ignored.join(', '), 60)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}
