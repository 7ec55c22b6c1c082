// The cost of a token for longer texts (from token ids, one lane), and for more texts (from text to vector).
//
// `overIdeal` is the time divided by that of the arithmetic alone at the measured peaks, attention included: it stays level
// where the cost grows only with the arithmetic. It is null without the test addon, which measures the peaks.
import { readWorkload } from '../support/arguments.mjs';
import { idealSeconds, measurePeaks } from '../support/machine.mjs';
import { tokenize } from '../support/model.mjs';
import { activeIsa, sinterRunner } from '../support/sinter.mjs';
import { interleave, summarize } from '../support/timing.mjs';
import { answer, loadEncoder, options } from './input.mjs';

const LENGTHS = [8, 16, 32, 64, 128, 256, 512];
const COUNTS = options.quick ? [1, 10, 100, 1000] : [1, 10, 100, 1000, 10_000];
const TOKENS = 4096;
const SHAPE = { layers: 6, hidden: 384, intermediate: 1536 };

/** `count` sequences of `length` tokens with the ids of a long text. */
function equalBatch(ids, length, count) {
  const all = Int32Array.from({ length: length * count }, (_, i) => ids[i % ids.length]);
  const offsets = Int32Array.from({ length: count + 1 }, (_, i) => i * length);
  return { ids: all, offsets, segments: new Int32Array(all.length) };
}

async function byLength(encoder) {
  const { texts } = readWorkload('equal128_en');
  const { ids } = await tokenize(encoder, [texts.join(' ')], 512);
  const runs = LENGTHS.map((length) =>
    sinterRunner(encoder, equalBatch(ids, length, TOKENS / length)),
  );
  const times = (await interleave(runs, options.rounds)).map(summarize);
  const peaks = measurePeaks(activeIsa());
  return LENGTHS.map((length, i) => {
    const lengths = Array(TOKENS / length).fill(length);
    const ideal = peaks && 1000 * idealSeconds(SHAPE, lengths, options.precision, peaks, 1);
    const { medianMs } = times[i];
    const usPerToken = (1000 * medianMs) / TOKENS;
    return { length, usPerToken, overIdeal: ideal && medianMs / ideal, ...times[i] };
  });
}

async function byCount(encoder) {
  const { texts } = readWorkload('short_en');
  const sets = COUNTS.map((count) =>
    Array.from({ length: count }, (_, i) => texts[i % texts.length]),
  );
  // A pass over a few texts is too short to time, so a round has many of them.
  const passes = COUNTS.map((count) => Math.ceil(100 / count));
  const runs = sets.map((some, i) => async () => {
    for (let pass = 0; pass < passes[i]; pass++) await encoder.embed(some);
  });
  const times = (await interleave(runs, Math.ceil(options.rounds / 2))).map(summarize);
  const results = [];
  for (const [i, some] of sets.entries()) {
    const { tokens } = await tokenize(encoder, some, 512);
    const usPerToken = (1000 * times[i].medianMs) / (tokens * passes[i]);
    results.push({ texts: some.length, tokens, passes: passes[i], usPerToken, ...times[i] });
  }
  return results;
}

const encoder = await loadEncoder();
const lengths = await byLength(encoder);
const counts = await byCount(encoder);
await encoder.dispose();
answer({ lengths, counts });
