/**
 * From a plain graph to a draft: walks with a short probe and a long one, which must agree.
 *
 * The short probe is ragged and shows structure and limits; the long one shows windows and buckets of distances.
 */

import { SinterError } from '../../../../core/errors.js';
import type { OnnxNode, Tensor } from '../model.js';
import type { PlainModel } from '../plain/plain-model.js';
import { labelOf } from '../reader/order.js';
import { corruptOnnx } from '../reader/problem.js';
import { evaluateNode } from '../reference/evaluate.js';
import { operatorName } from '../reference/table.js';
import { conditionsAt } from './branches.js';
import { draftText } from './draft-text.js';
import { interpret } from './interpret.js';
import { RowOutside } from './lookups.js';
import { type FoundOutputs, outputsOf } from './outputs.js';
import { makeProbe, type ProbeShape } from './probe.js';
import { type Inputs, inputsOfGraph } from './roles.js';
import { sameDistances } from './same-distances.js';
import { sparsePositions, stretched } from './stretch.js';
import { type UnexplainedNode, Walk } from './walk.js';

/** Operator set of the plain form. */
export const PLAIN_OPSET = 18;
const SHORT = { batch: 3, length: 7 };
/** Probe for everything that does not depend on distance; longer distances are seen between positions with gaps. */
const LONG = { batch: 1, length: 150 };
/** Length of the longest text whose distances are checked. */
const FARTHEST = 8192;
/** maxTokens of a graph without a table of positions and with free shapes. */
const DEFAULT_TOKENS = 512;

export interface Recovered extends FoundOutputs {
  readonly maxTokens: number;
  /** Whether the graph bounds the length of texts. */
  readonly bounded: boolean;
  /**
   * Length of the longest text that was checked, where the graph takes longer ones: a limit whatever a config says. Else
   * null.
   */
  readonly seen: number | null;
  readonly vocabulary: number;
  readonly segments: number;
  readonly inputs: Inputs;
  readonly notes: readonly string[];
}

/**
 * Recovers what the graph computes. `firstPosition` is the value of an input of positions for the first token. Throws
 * UNSUPPORTED_MODEL that lists every unexplained node with the reason.
 */
export function recoverDraft(plain: PlainModel, firstPosition: number | null = 0): Recovered {
  const { path } = plain.source;
  const inputs = inputsOfGraph(plain.graph, path, firstPosition);
  const padded = [...inputs.roles.values()].includes('mask');
  const shape = {
    batch: inputs.batch ?? SHORT.batch,
    length: inputs.length ?? SHORT.length,
    padded,
    vocabulary: inputs.vocabulary ?? 2,
    segments: inputs.segments ?? 1,
    firstPosition: inputs.firstPosition,
    seed: 1,
  };
  const { walked: short, length: least } = shortest(plain, inputs, shape);
  const limit = short.walk.maxTokens;
  const wanted = inputs.length ?? Math.min(LONG.length, limit ?? LONG.length);
  const batch = inputs.batch ?? LONG.batch;
  const { walked: near, length } = longest(
    plain,
    inputs,
    { ...shape, batch, length: wanted, seed: 2 },
    least,
  );
  const probe = { ...shape, batch, length, seed: 2 };
  if (draftText(short.found) !== draftText(near.found)) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: it computes something else for texts of ${shape.length} tokens than for ${length}`,
      { details: { file: path, category: 'unsupported' } },
    );
  }
  const bound = near.walk.maxTokens ?? limit ?? (length < wanted ? length : null);
  const { found, walk, seen } =
    inputs.length === null && (bound ?? FARTHEST) > length
      ? lookFar(plain, inputs, probe, near, bound)
      : { ...near, seen: null };
  const most = Math.min(
    bound ?? DEFAULT_TOKENS,
    seen ?? Number.POSITIVE_INFINITY,
    inputs.length ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...found,
    maxTokens: most,
    bounded: bound !== null || seen !== null || inputs.length !== null,
    vocabulary: walk.vocabulary ?? shape.vocabulary,
    segments: walk.segments,
    seen,
    inputs,
    notes: [...new Set([...short.walk.notes, ...walk.notes])],
  };
}

type Walked = ReturnType<typeof walkOnce>;

/**
 * Walks with the short probe, or a shorter one where sizes do not fit (a table with few rows). Throws the first error where
 * no length fits.
 */
function shortest(plain: PlainModel, inputs: Inputs, shape: ProbeShape) {
  const lengths = inputs.length === null ? [shape.length, 4, 2] : [shape.length];
  let first: unknown;
  for (const length of lengths) {
    try {
      return { walked: walkOnce(plain, inputs, { ...shape, length }), length };
    } catch (error) {
      if (!isTooLong(error)) throw error;
      first ??= error;
    }
  }
  throw first;
}

/** Walks with the longest texts, up to the length of `shape`, whose sizes fit. Texts of `least` tokens are known to fit. */
function longest(plain: PlainModel, inputs: Inputs, shape: ProbeShape, least: number) {
  let [fits, tooLong]: [{ walked: Walked; length: number } | null, number] = [
    null,
    shape.length + 1,
  ];
  let low = least;
  for (let length = shape.length; ; length = Math.floor((low + tooLong) / 2)) {
    try {
      fits = { walked: walkOnce(plain, inputs, { ...shape, length }), length };
      low = length;
    } catch (error) {
      // Short texts have fitted, so the file is not damaged: a table is too short for this length.
      if (!isTooLong(error) || inputs.length !== null || length <= least) throw error;
      tooLong = length;
    }
    if (fits !== null && tooLong - low <= 1) return fits;
  }
}

/** Whether the error means sizes that do not fit, which may happen for long texts only. */
function isTooLong(error: unknown): boolean {
  if (!(error instanceof SinterError)) return false;
  return error.code === 'CORRUPT_MODEL' || error.message.includes('a table is too short');
}

/**
 * Walks with positions with gaps, which have all distances of the longest texts, and checks that the draft stays the same.
 * `seen`: length of the longest text whose distances were checked, when the graph's bound is larger; else null.
 */
function lookFar(
  plain: PlainModel,
  inputs: Inputs,
  shape: ProbeShape,
  near: ReturnType<typeof walkOnce>,
  bound: number | null,
): ReturnType<typeof walkOnce> & { readonly seen: number | null } {
  const compute = computeIn(plain.source.path);
  const short = conditionsAt(plain, inputs, shape, compute);
  const spans = [FARTHEST, DEFAULT_TOKENS].filter((span) => span < (bound ?? FARTHEST));
  for (const span of [Math.min(bound ?? FARTHEST, FARTHEST), ...spans]) {
    const positions = sparsePositions(shape.length, span);
    let far: ReturnType<typeof walkOnce>;
    try {
      const long = conditionsAt(plain, inputs, { ...shape, length: span }, compute);
      if (long === null || long !== short) continue;
      far = walkOnce(plain, inputs, { ...shape, length: positions.length, positions });
    } catch (error) {
      if (!(error instanceof SinterError)) throw error;
      continue;
    }
    const isSame =
      draftText(far.found) === draftText(near.found) &&
      sameDistances(near.found, far.found, shape.length);
    if (isSame) return { ...far, seen: span < (bound ?? FARTHEST) ? span : null };
  }
  near.walk.notes.add(`texts of more than ${shape.length} tokens are not understood`);
  return { ...near, seen: shape.length };
}

function computeIn(file: string) {
  return (node: OnnxNode, tensors: readonly (Tensor | null)[]): Tensor[] =>
    evaluateNode(node, tensors, PLAIN_OPSET, { file }).filter((t) => t !== null);
}

function walkOnce(plain: PlainModel, inputs: Inputs, shape: ProbeShape) {
  const { path } = plain.source;
  const compute = computeIn(path);
  const hasSegments = [...inputs.roles.values()].includes('segments');
  const probe = makeProbe(shape);
  const walk = new Walk({
    probe,
    half: plain.half !== null,
    hasSegments,
    compute: stretched(probe, compute),
  });
  let known: ReturnType<typeof interpret>;
  try {
    known = interpret(walk, plain.graph, inputs.roles);
  } catch (error) {
    if (!(error instanceof RowOutside)) throw error;
    throw new SinterError('UNSUPPORTED_MODEL', `${path}: a table is too short: ${error.message}`, {
      details: { file: path, tensor: error.table },
    });
  }
  if (walk.problems.length > 0) throw unexplained(path, walk.problems);
  const found = outputsOf(walk, plain.graph, known);
  if (found !== null) return { walk, found };
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: no output is a token vector, a pooled vector or logits of an encoder`,
    { details: { file: path } },
  );
}

function unexplained(path: string, problems: readonly UnexplainedNode[]): SinterError {
  const lines = problems.map(
    ({ node, reason }) => `${operatorName(node)} ${labelOf(node)}: ${reason}`,
  );
  const shown = lines.length > 20 ? [...lines.slice(0, 20), `${lines.length - 20} more`] : lines;
  const damaged = problems.find((problem) => problem.damaged);
  if (damaged !== undefined) {
    const node = labelOf(damaged.node);
    return corruptOnnx(path, 'shape', `sizes that do not fit: ${shown.join('; ')}`, { node });
  }
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: ${lines.length} nodes are not those of a known encoder: ${shown.join('; ')}`,
    { details: { file: path, category: 'unsupported', nodes: lines } },
  );
}
