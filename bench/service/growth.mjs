// Cost of a token as texts grow longer (token ids, one lane) and as there are more of them (from texts).
//
// `perOperation` divides the time by the multiply-adds of the encoder, attention included, so that it stays level where
// the cost grows by arithmetic alone.
import { readWorkload } from '../support/arguments.mjs';
import { tokenize } from '../support/model.mjs';
import { sinterRunner } from '../support/sinter.mjs';
import { interleave, summarize } from '../support/timing.mjs';
import { answer, loadEncoder, options } from './input.mjs';

const LENGTHS = [8, 16, 32, 64, 128, 256, 512];
const COUNTS = options.quick ? [1, 10, 100, 1000] : [1, 10, 100, 1000, 10_000];
const TOKENS = 4096;
/** Multiply-adds of MiniLM: of a token in its linear layers, and for each pair of tokens in attention. */
const LAYERS = 6;
const HIDDEN = 384;
const LINEAR = LAYERS * (4 * HIDDEN * HIDDEN + 8 * HIDDEN * HIDDEN);
const PAIR = LAYERS * 2 * HIDDEN;

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
  return LENGTHS.map((length, i) => ({
    length,
    usPerToken: (1000 * times[i].fastestMs) / TOKENS,
    perOperation: times[i].fastestMs / (LINEAR + PAIR * length),
    ...times[i],
  }));
}

async function byCount(encoder) {
  const { texts } = readWorkload('short_en');
  const results = [];
  for (const count of COUNTS) {
    const some = Array.from({ length: count }, (_, i) => texts[i % texts.length]);
    const { tokens } = await tokenize(encoder, some, 512);
    // Few texts are over in no time: many passes of them make one round.
    const passes = Math.ceil(100 / count);
    const run = async () => {
      for (let pass = 0; pass < passes; pass++) await encoder.embed(some);
    };
    const rounds = count > 1000 ? 1 : options.rounds;
    const [time] = (await interleave([run], rounds)).map(summarize);
    const usPerToken = (1000 * time.fastestMs) / (tokens * passes);
    results.push({ texts: count, tokens, passes, usPerToken, ...time });
  }
  return results;
}

const encoder = await loadEncoder();
const lengths = await byLength(encoder);
const counts = await byCount(encoder);
await encoder.dispose();
answer({ lengths, counts });
