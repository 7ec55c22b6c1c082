// One model of every kind, from the fixtures: what the scripts beside it call. The names say the kind; `bytes` and `pieces` are
// encoders whose tokenizers are byte-level BPE and SentencePiece.
import { fileURLToPath } from 'node:url';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  MaskedLM,
  QuestionAnswerer,
  TokenClassifier,
} from '../../../dist/index.js';

export const folder = (name) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
export const BERT = folder('encoders/bert');

export const encoder = await Encoder.load(BERT, { pooling: 'mean' });
export const bytes = await Encoder.load(folder('encoders/roberta-seqcls'), { pooling: 'mean' });
export const pieces = await Encoder.load(folder('encoders/albert'), { pooling: 'mean' });
export const classifier = await Classifier.load(folder('encoders/bert-seqcls'));
export const scorer = await CrossEncoder.load(folder('heads/bert-regression'));
export const tagger = await TokenClassifier.load(folder('heads/bert-tokencls'));
export const answerer = await QuestionAnswerer.load(folder('heads/bert-qa'));
export const masked = await MaskedLM.load(folder('encoders/bert-mlm'));
export const batcher = encoder.batch();
