/**
 * Measures how fast models are on texts: interleaved rounds, medians.
 *
 * Tokens are made once, so that what is measured is the model and not its tokenizer, which all have in common.
 */

import { throwIfAborted } from '../../core/errors.js';
import { median } from '../../core/median.js';
import type { OutputName } from '../../graph/types.js';
import { isPerToken, outputWidth, runBatch, trimSegments } from '../../runtime/forward.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { EncodedTexts, TextInput } from '../../tokenize/text-tokenizer.js';

/** A model to measure. */
export interface Contestant {
  readonly name: string;
  readonly parts: ModelParts;
  readonly output: OutputName;
}

export interface MeasuredSpeed {
  readonly name: string;
  /** Tokens of the original's tokenizer, a second. */
  readonly tokensPerSecond: number;
  /** Median time for one text of the middle length. */
  readonly latencyMs: number;
}

/** Rounds that count; one before them warms up. */
const ROUNDS = 5;
/** Runs of a single text in each round. */
const SINGLES = 10;
/** Texts that are measured together. */
const MOST_TEXTS = 512;

/** The speeds of all, in their order, on the first texts. Tokens are counted by the first contestant's tokenizer. */
export async function measureSpeeds(
  where: string,
  contestants: readonly Contestant[],
  texts: readonly TextInput[],
  signal?: AbortSignal,
): Promise<readonly MeasuredSpeed[]> {
  const some = texts.slice(0, MOST_TEXTS);
  const ready = await Promise.all(contestants.map((one) => prepared(where, one, some)));
  const tokens = ready[0]?.all.ids.length ?? 0;
  const times = ready.map(() => ({ all: [] as number[], one: [] as number[] }));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [i, { all, middle, run }] of ready.entries()) {
      throwIfAborted(signal, where);
      const start = performance.now();
      await run(all);
      const took = performance.now() - start;
      const singles: number[] = [];
      for (let k = 0; k < SINGLES; k++) {
        const begin = performance.now();
        await run(middle);
        singles.push(performance.now() - begin);
      }
      if (round < 0) continue;
      times[i]?.all.push(took);
      times[i]?.one.push(...singles);
    }
  }
  return contestants.map(({ name }, i) => ({
    name,
    tokensPerSecond: (1000 * tokens) / median(times[i]?.all ?? []),
    latencyMs: median(times[i]?.one ?? []),
  }));
}

async function prepared(where: string, { parts, output }: Contestant, texts: readonly TextInput[]) {
  const { tokenizer, graph, program } = parts;
  const options = { maxTokens: graph.maxTokens, truncate: true, where };
  const all = await tokenizer.encode(texts, options);
  const lengths = texts.map((_, i) => (all.offsets[i + 1] ?? 0) - (all.offsets[i] ?? 0));
  const order = [...lengths.keys()].sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  const middle = await tokenizer.encode([texts[order[order.length >> 1] ?? 0] ?? ''], options);
  const width = outputWidth(graph, output);
  const perToken = isPerToken(graph, output);
  const run = (tokens: EncodedTexts) => {
    const rows = perToken ? tokens.ids.length : tokens.offsets.length - 1;
    const data = new Float32Array(rows * width);
    const batch = trimSegments(graph, tokens);
    return program.use(where, (native) =>
      runBatch(native, batch, output, data, { where, signal: undefined }),
    );
  };
  return { all, middle, run };
}
