/**
 * RoBERTa, XLM-RoBERTa and CamemBERT: BERT whose positions start at pad_token_id + 1, with other heads.
 *
 * The three differ only in their tokenizers and class names.
 */

import {
  bertKeys,
  bertPlan,
  denseClassifier,
  lmHead,
  readBertSizes,
  tokenHeads,
} from './bert-like.js';
import type { Family } from './family.js';

function family(modelType: string, className: string): Family {
  return {
    modelType,
    className,
    prefix: 'roberta.',
    read: (reader) => {
      const sizes = readBertSizes(reader, reader.whole('pad_token_id', 1) + 1);
      return bertPlan(sizes, {
        ...tokenHeads(sizes.classifierDropout),
        classification: denseClassifier(sizes.hidden, 'tanh', sizes.classifierDropout),
        'masked-lm': lmHead(sizes),
      });
    },
    keys: (structure, base) => ({
      ...bertKeys(structure, base),
      pad_token_id: structure.tableOf('position').offset - 1,
    }),
  };
}

export const ROBERTA = family('roberta', 'Roberta');
export const XLM_ROBERTA = family('xlm-roberta', 'XLMRoberta');
export const CAMEMBERT = family('camembert', 'Camembert');
