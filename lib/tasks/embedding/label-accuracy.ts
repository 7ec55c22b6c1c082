/**
 * How often the classifier of the loss `softmax` finds the class of a pair: LabelAccuracyEvaluator of sentence-transformers.
 *
 * The classifier is of the training alone, so a model that was saved cannot be scored so.
 */

import type { Matrix } from '../../core/matrix.js';
import { makeInTurns } from '../../core/turns.js';
import { argmax, logSumExp } from '../../metrics/logits.js';
import type { NativeStore } from '../../native/program.js';
import { floatsOf, readWhole } from '../../runtime/program.js';
import type { ExampleSet } from './example-rows.js';
import { pairClassifier } from './pair-classifier.js';

/** How often the loss's own classifier finds the class of a pair. */
export interface LabelAccuracyEvaluation {
  readonly kind: 'label-accuracy';
  readonly rows: number;
  readonly accuracy: number;
  /** Mean cross entropy. */
  readonly loss: number;
}

/** A classifier of the concatenation [u; v; |u - v|], with `product` and u v. */
export interface PairWeights {
  /** [classes, inputs]. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly product: boolean;
}

/** Products of a turn: about a millisecond. */
const PRODUCTS_PER_TURN = 1 << 19;

/** The classifier as it is now in a program that is trained. */
export async function readPairWeights(
  where: string,
  store: NativeStore,
  { width, classes, product }: { width: number; classes: number; product: boolean },
): Promise<PairWeights> {
  const names = pairClassifier(product);
  const read = async (name: string, shape: readonly number[]) => {
    const [bytes] = await readWhole(where, store, { name, shape }, 'f32');
    return floatsOf(bytes as Uint8Array);
  };
  const weight = await read(names.weight, [classes, (product ? 4 : 3) * width]);
  return { weight, bias: await read(names.bias, [1, classes]), product };
}

/** `vectors`: a row for each text of the examples. Sums are in float64. */
export async function labelAccuracy(
  { corpus }: Pick<ExampleSet, 'corpus'>,
  vectors: Matrix,
  classifier: PairWeights,
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<LabelAccuracyEvaluation> {
  const { size: rows, targets } = corpus;
  const perTurn = Math.max(1, Math.floor(PRODUCTS_PER_TURN / classifier.weight.length));
  let right = 0;
  const losses = await makeInTurns(
    rows,
    perTurn,
    (row) => {
      const logits = logitsOf(vectors.row(2 * row), vectors.row(2 * row + 1), classifier);
      const truth = targets.values[row] ?? 0;
      if (argmax(logits) === truth) right++;
      return logSumExp(logits) - (logits[truth] ?? Number.NaN);
    },
    options,
  );
  const loss = losses.reduce((sum, one) => sum + one, 0) / rows;
  return { kind: 'label-accuracy', rows, accuracy: right / rows, loss };
}

function logitsOf(
  u: Float32Array,
  v: Float32Array,
  { weight, bias, product }: PairWeights,
): Float32Array {
  const width = u.length;
  const inputs = weight.length / bias.length;
  return bias.map((start, c) => {
    const row = weight.subarray(c * inputs, (c + 1) * inputs);
    let sum = start;
    for (let k = 0; k < width; k++) {
      const [a, b] = [u[k] ?? 0, v[k] ?? 0];
      sum += (row[k] ?? 0) * a + (row[width + k] ?? 0) * b;
      sum += (row[2 * width + k] ?? 0) * Math.abs(a - b);
      if (product) sum += (row[3 * width + k] ?? 0) * a * b;
    }
    return sum;
  });
}
