/**
 * Writes attention out as a base exporter does: heads split, scores, scale, bias, softmax, heads joined.
 *
 * Masks become an addend of the scores: 0 where a key is visible, and a large negative number where it is not.
 */

import type { Writer } from './rule.js';

const HEADS_FORWARD = [0, 2, 1, 3];
const HEADS_TRANSPOSED = [0, 2, 3, 1];

/** [batch, tokens, heads * dim] as [batch, heads, tokens, dim]. */
export function splitHeads(write: Writer, value: string, heads: number): string {
  const shaped = write.op('Reshape', [value, write.ints([0, 0, heads, -1])]);
  return write.op('Transpose', [shaped], { perm: HEADS_FORWARD });
}

export interface AttentionParts {
  /** Operands [batch, tokens, heads * dim], or [batch, heads, tokens, dim] with `split`. */
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly queryHeads: number;
  /**
   * Number of heads of keys and values, each for a group of neighbouring heads of queries. Default: as many as queries have;
   * null where only the running graph knows.
   */
  readonly keyHeads?: number | null;
  /** Whether heads are axis 1 of the operands already. */
  readonly split: boolean;
  /** A number, or the name of the value that holds it. */
  readonly scale: number | string;
  /** Values to add to the scaled scores, each of which broadcasts to [batch, heads, queries, keys]. */
  readonly biases: readonly string[];
}

/** Writes attention into `output`: [batch, tokens, heads * dim], or [batch, heads, tokens, dim] with `split`. */
export function writeAttention(write: Writer, output: string, parts: AttentionParts): true {
  const { split, queryHeads: heads, keyHeads: stated = heads } = parts;
  const keyHeads = stated ?? 0;
  const query = split ? parts.query : splitHeads(write, parts.query, heads);
  const own = split ? parts.value : splitHeads(write, parts.value, keyHeads);
  const ownKey = split
    ? write.op('Transpose', [parts.key], { perm: [0, 1, 3, 2] })
    : write.op('Transpose', [write.op('Reshape', [parts.key, write.ints([0, 0, keyHeads, -1])])], {
        perm: HEADS_TRANSPOSED,
      });
  const groups =
    stated === null ? computedGroupsOf(write, query, own) : groupsOf(write, heads, keyHeads);
  const [key = '', value = ''] = [ownKey, own].map((name) =>
    groups === '' ? name : write.op('Gather', [name, groups], { axis: 1 }),
  );
  const product = write.op('MatMul', [query, key]);
  const { scale } = parts;
  const factor = typeof scale === 'string' ? scale : write.scalar(scale);
  const scaled = write.op('Mul', [product, factor]);
  const scores = parts.biases.reduce((sum, bias) => write.op('Add', [sum, bias]), scaled);
  const weights = write.op('Softmax', [scores], { axis: -1 });
  if (split) return write.into(output, 'MatMul', [weights, value]);
  const context = write.op('MatMul', [weights, value]);
  const joined = write.op('Transpose', [context], { perm: HEADS_FORWARD });
  return write.into(output, 'Reshape', [joined, write.ints([0, 0, -1])]);
}

/** Constant with the head of keys for each head of queries; '' where they are the same. */
function groupsOf(write: Writer, heads: number, keyHeads: number): string {
  if (heads === keyHeads) return '';
  const group = heads / keyHeads;
  return write.ints(Array.from({ length: heads }, (_, head) => Math.floor(head / group)));
}

/**
 * As `groupsOf`, computed by the graph from [batch, heads, tokens, dim] operands of unknown heads: head * heads of keys /
 * heads.
 */
function computedGroupsOf(write: Writer, query: string, value: string): string {
  const [heads = '', keyHeads = ''] = [query, value].map((name) => tokensOf(write, name));
  const all = write.op('Range', [write.int(0), heads, write.int(1)]);
  return write.op('Div', [write.op('Mul', [all, keyHeads]), heads]);
}

/** (1 - mask) * low: the addend for a mask of 1 (visible) and 0. */
export function addendOfMask(write: Writer, mask: string, low: number): string {
  const dtype = write.graph.fact(mask).dtype;
  const float = dtype === 'float32' ? mask : write.op('Cast', [mask], { to: 1 });
  return write.op('Mul', [write.op('Sub', [write.scalar(1), float]), write.scalar(low)]);
}

/** The size of axis 1 as a scalar: the number of tokens of a [batch, tokens, ..] value. */
export function tokensOf(write: Writer, value: string): string {
  return write.op('Gather', [write.op('Shape', [value]), write.int(1)], { axis: 0 });
}

/** Positions 0, 1 ... for the tokens of a [batch, tokens, ..] value. */
export function positionsOf(write: Writer, value: string): string {
  return write.op('Range', [write.int(0), tokensOf(write, value), write.int(1)]);
}

/**
 * The addend for onnxruntime's masks: [batch] lengths of texts padded on the right, [batch, keys], or [batch, queries, keys].
 * null for unsupported ranks. `tokens` is a [batch, tokens, ..] value.
 */
export function addendOfMaskIndex(
  write: Writer,
  mask: string,
  tokens: string,
  low: number,
): string | null {
  const rank = write.graph.rank(mask);
  if (rank === 1) {
    const lengths = write.op('Unsqueeze', [write.op('Cast', [mask], { to: 7 }), write.ints([1])]);
    const seen = write.op('Less', [positionsOf(write, tokens), lengths]);
    return addendOfMask(write, write.op('Unsqueeze', [seen, write.ints([1, 2])]), low);
  }
  if (rank === 2)
    return addendOfMask(write, write.op('Unsqueeze', [mask, write.ints([1, 2])]), low);
  if (rank === 3) return addendOfMask(write, write.op('Unsqueeze', [mask, write.ints([1])]), low);
  return null;
}
