/**
 * Loads the classifier that `sinter train` trains: with the head that the model has, with a new one as its family has it, or with a
 * new one over pooled tokens.
 */
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { SinterError } from '../core/errors.js';
import type { PoolKind } from '../graph/types.js';
import { Classifier } from '../models/classifier.js';
import { Encoder } from '../models/encoder.js';
import type { TrainMethod } from '../models/train-method.js';
import { given, usageMistake } from './arguments.js';
import type { Console } from './context.js';
import type { HeadChoice } from './kept-head.js';
import { modelPath, onnxOptions } from './open-model.js';

export interface ClassifierWish {
  readonly model?: string;
  readonly seed: number;
  readonly threads?: number;
  readonly maxTokens?: number;
  readonly pooling?: PoolKind;
  readonly method?: TrainMethod;
  readonly widen?: boolean;
  readonly firstPosition?: number;
}

/**
 * The classifier for a training. With --pooling, and with --method few-shot, a new head reads pooled tokens: as the flag says,
 * else as the files of the encoder do.
 */
export async function openClassifier(
  wish: ClassifierWish,
  { newHead, labels }: HeadChoice,
  out: Console,
): Promise<Classifier> {
  const { model, seed, threads, maxTokens, pooling, method } = wish;
  if (pooling !== undefined && !newHead)
    throw usageMistake(
      '--pooling is for a new head, and the model has one that fits: give --new-head',
    );
  const load = given({ lanes: threads, maxTokens, signal: out.signal });
  const onnx = await onnxOptions(wish);
  const isPooled = newHead && (pooling !== undefined || method === 'few-shot');
  if (!isPooled || labels === undefined) {
    const head = { ...(labels !== undefined && { labels }), newHead, seed };
    return Classifier.load(model ?? EMBEDDED_MODEL, { ...head, ...load, ...onnx });
  }
  await using encoder = await Encoder.load(await modelPath(model), {
    ...{ ...load, ...onnx },
    ...(pooling !== undefined && { pooling }),
  });
  const { pooling: kinds } = await encoder.info();
  const [kind, ...more] = pooling === undefined ? (kinds ?? []) : [pooling];
  if (kind === undefined || more.length > 0) {
    const what = 'its files pool tokens in several ways; give --pooling with one of them';
    throw new SinterError('UNSUPPORTED_MODEL', `${model}: ${what}`);
  }
  const own = given({ maxTokens });
  return encoder.classifier({ labels, seed, pooling: kind, ...own });
}
