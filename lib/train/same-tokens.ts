/** Checks that a teacher splits the rows of a training into the very tokens of the student, because it runs on them. */

import { SinterError } from '../core/errors.js';
import type { EncoderGraph } from '../graph/types.js';
import type { TokenBatch } from '../native/program.js';
import { trimSegments } from '../runtime/forward.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import type { RowReader, TextTarget } from './collect-rows.js';

/** `reader`, which throws UNSUPPORTED_MODEL naming the first row that the teacher splits or segments in another way. */
export function withSameTokens(
  reader: RowReader<TextTarget>,
  teacher: { readonly tokenizer: TextTokenizer; readonly graph: EncoderGraph },
  { where, name, maxTokens }: { where: string; name: string; maxTokens: number },
): RowReader<TextTarget> {
  const { tokenizer, graph } = teacher;
  return {
    parse: (at, row) => reader.parse(at, row),
    async encode(rows, firstIndex, cancel) {
      const encoded = await reader.encode(rows, firstIndex, cancel);
      const texts = rows.map(({ input }) => input);
      const own = await tokenizer.encode(texts, { maxTokens, firstIndex, ...cancel });
      const theirs = trimSegments(graph, own);
      const at = firstDifference(encoded.batch.tokens, theirs);
      if (at >= 0) throw otherTokens(where, `${name}[${firstIndex + at}]`);
      return encoded;
    },
  };
}

/** The error for a row that the teacher splits in another way. */
export function otherTokens(where: string, row: string): SinterError {
  const what = `the teacher splits ${row} into other tokens`;
  const advice =
    'hidden states, relations and logits of tokens need a teacher with the tokenizer of the student';
  return new SinterError('UNSUPPORTED_MODEL', `${where}: distillation: ${what}; ${advice}`);
}

/** Index of the first text that has other tokens or segments in the two batches, or is in one alone; -1: there is none. */
export function firstDifference(own: TokenBatch, theirs: TokenBatch): number {
  const partsOf = ({ ids, offsets, segments }: TokenBatch, i: number) => {
    const range = [offsets[i] ?? 0, offsets[i + 1] ?? 0] as const;
    return [ids.subarray(...range), segments?.subarray(...range) ?? zeros(range)] as const;
  };
  const count = Math.max(own.offsets.length, theirs.offsets.length) - 1;
  for (let i = 0; i < count; i++) {
    const [ids, segments] = partsOf(own, i);
    const [otherIds, otherSegments] = partsOf(theirs, i);
    if (!areEqual(ids, otherIds) || !areEqual(segments, otherSegments)) return i;
  }
  return -1;
}

const zeros = ([begin, end]: readonly [number, number]) => new Int32Array(end - begin);

function areEqual(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
