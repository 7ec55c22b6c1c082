/** The vocabulary of a compressed model: the tokens that occur in the rows to learn from and in the texts without labels. */

import { pruneVocabulary, type VocabularyReport } from '../../compress/prune-vocabulary.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { CompressSettings } from './options.js';
import type { Subject } from './subject.js';

export type VocabularyStage = VocabularyReport;

/**
 * The original with the tokens that occur. On the texts that were seen it computes the same bits; other texts with rarer words
 * become other tokens.
 */
export async function withKeptTokens(
  source: ModelParts,
  subject: Subject,
  { signal }: CompressSettings,
): Promise<{ readonly parts: ModelParts; readonly report: VocabularyStage }> {
  return source.program.use('compress', (program) =>
    pruneVocabulary('compress', source, program, subject.inputs, { ...(signal && { signal }) }),
  );
}
