/**
 * Describes the settings in a folder's sentence-transformers files beside pooling and length, for `sinter inspect`.
 *
 * Each unusual setting gets a line, so that nothing in these files takes effect unseen.
 */
import type { SentenceSettings } from '../graph/checkpoint.js';
import { nameList } from './model-summary.js';

/** Settings of the files in the order of the lines; null and empty lists are the defaults without the files. */
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
    ['prompts', names.length === 0 ? null : nameList(names)],
    ['every text', used === '' ? null : `begins with ${JSON.stringify(used)}`],
    ['ignored', ignored.length === 0 ? null : nameList(ignored)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}
