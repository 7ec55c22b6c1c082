/**
 * The classifier of the loss `softmax`: a linear layer over the vectors of two texts, trained with the encoder and gone
 * afterwards, because only the vectors are wanted.
 */

import { SeededRandom } from '../../core/random.js';
import type { EncoderGraph } from '../../graph/types.js';
import type { PairClassifier } from '../../native/losses.js';
import { drawLinear } from '../../train/draw-linear.js';
import type { TrainExtension } from '../../train/train-model.js';

const WEIGHT = 'pairs.classifier.weight';
const BIAS = 'pairs.classifier.bias';

/** What the loss reads. `product`: the classifier sees u * v too. */
export function pairClassifier(product: boolean): PairClassifier {
  return { weight: WEIGHT, bias: BIAS, product };
}

/** `graph`, whose vectors have `width` numbers, with a new classifier into `classes` classes; its bias is 0. */
export function withPairClassifier(
  graph: EncoderGraph,
  {
    width,
    classes,
    product,
    seed,
  }: Readonly<Record<'width' | 'classes' | 'seed', number>> & {
    readonly product: boolean;
  },
): TrainExtension {
  const inputs = (product ? 4 : 3) * width;
  const shapes = [
    { name: WEIGHT, shape: [classes, inputs], dtype: 'f32' },
    { name: BIAS, shape: [1, classes], dtype: 'f32' },
  ] as const;
  const nodes = shapes.map(
    ({ name }) => ({ op: 'parameter', weight: name, output: name }) as const,
  );
  return {
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes],
      weights: [...graph.weights, ...shapes],
    },
    written: new Map([
      [WEIGHT, drawLinear(classes, inputs, new SeededRandom(seed))],
      [BIAS, new Float32Array(classes)],
    ]),
  };
}
