// The lateness of a 10 ms timer in an idle process, and while `embed` works on many texts.
import { answer, loadEncoder, options, quantile, readInput } from './input.mjs';

const PERIOD = 10;

/** Runs `work` beside the timer. Returns { p50, p99, max, ticks }, lateness in milliseconds. */
async function lateness(work) {
  const late = [];
  let running = true;
  let due = performance.now() + PERIOD;
  const tick = () => {
    late.push(Math.max(0, performance.now() - due));
    if (!running) return;
    due = performance.now() + PERIOD;
    setTimeout(tick, PERIOD);
  };
  setTimeout(tick, PERIOD);
  await work();
  running = false;
  const [p50, p99, max] = [0.5, 0.99, 1].map((p) => quantile(late, p));
  return { p50, p99, max, ticks: late.length };
}

const { texts } = readInput();
const many = Array.from({ length: options.quick ? 1 : 10 }, () => texts).flat();
const encoder = await loadEncoder();
await encoder.embed(texts.slice(0, 8));
const idle = await lateness(() => new Promise((resolve) => setTimeout(resolve, 2000)));
const embedding = await lateness(() => encoder.embed(many));
await encoder.dispose();
answer({ idle, embedding });
