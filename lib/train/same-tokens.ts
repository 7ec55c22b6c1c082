/** Checks that a teacher splits the rows of a training into the very tokens of the student, because it runs on them. */

import { SinterError } from '../core/errors.js';
import type { EncoderGraph } from '../graph/types.js';
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
      const { ids, offsets, segments } = encoded.batch.tokens;
      for (const i of rows.keys()) {
        const range = [offsets[i] ?? 0, offsets[i + 1] ?? 0] as const;
        const other = [theirs.offsets[i] ?? 0, theirs.offsets[i + 1] ?? 0] as const;
        const isSame =
          areEqual(ids.subarray(...range), theirs.ids.subarray(...other)) &&
          areEqual(
            segments?.subarray(...range) ?? zeros(range),
            theirs.segments?.subarray(...other) ?? zeros(other),
          );
        if (isSame) continue;
        const what = `the teacher splits ${name}[${firstIndex + i}] into other tokens`;
        const advice =
          'hidden states and relations need a teacher with the tokenizer of the student';
        throw new SinterError('UNSUPPORTED_MODEL', `${where}: distillation: ${what}; ${advice}`);
      }
      return encoded;
    },
  };
}

const zeros = ([begin, end]: readonly [number, number]) => new Int32Array(end - begin);

function areEqual(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
