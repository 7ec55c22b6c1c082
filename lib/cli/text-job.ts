/**
 * Works through the texts of `predict` or `embed` group by group.
 *
 * The rule: a file is read to its end before the work begins, so that a mistake in its last row costs nothing; lines of stdin are
 * answered as they come. Groups of a file depend on its texts alone, so that a resumed run makes the same ones.
 */
import type { JsonValue } from '../core/json.js';
import { formatNumber } from '../core/units.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { Console } from './context.js';
import type { ResultPlace } from './result-place.js';
import {
  asTheyCome,
  charactersOf,
  inChunks,
  type TextSource,
  withoutFirst,
} from './text-source.js';

/** Fewer texts get no progress bar. */
const FEW_TEXTS = 256;

export interface TextJob {
  /** What the progress says: "predicting". */
  readonly label: string;
  readonly source: TextSource;
  readonly place: ResultPlace;
  /** Number of texts; null where it is unknown. */
  readonly total: number | null;
  /** Most texts at a time; the results of one group are in memory. */
  readonly groupTexts: number;
  readonly out: Console;
}

/**
 * Does `work` for each group, with progress, and gives the number of texts. `first` is the index of the group's first text. Texts
 * that an earlier run did are left out; what `work` gives is noted for a later one.
 */
export async function eachGroup(
  { label, source, place, total, groupTexts, out }: TextJob,
  work: (inputs: readonly TextInput[], first: number) => Promise<JsonValue>,
): Promise<number> {
  const shown = place.isSeen ? 0 : total;
  const isLong = shown === null || shown > FEW_TEXTS;
  const progress = isLong ? out.progress(label, shown, 'texts') : null;
  const groups = source.isRepeatable ? inChunks : asTheyCome;
  let done = place.before.rows;
  progress?.begin(done);
  try {
    const texts = withoutFirst(source.open(), done);
    for await (const inputs of groups(texts, groupTexts, charactersOf)) {
      const note = await work(inputs, done);
      done += inputs.length;
      await place.commit(done, note);
      progress?.update(done);
    }
  } catch (error) {
    progress?.stop();
    throw error;
  }
  progress?.finish(`${formatNumber(done)} texts`);
  return done;
}
