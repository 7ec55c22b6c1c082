/**
 * Runs all inputs of a request through a batcher at once, and adds up what it says of them.
 *
 * The rule: if one input fails, the others of its request are not computed for nothing.
 */
import type { RunOptions } from '../../batching/batch-options.js';
import type { Batcher } from '../../batching/batcher.js';
import type { WithFacts } from '../../batching/run-facts.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { charactersOf, isIds } from '../admission.js';
import type { Answered, CallContext, CallFacts, ModelInput } from '../contract.js';

/** A request's texts as a batcher takes them. */
export function batchInput(input: ModelInput): TextInput | { readonly ids: readonly number[] } {
  return isIds(input) ? { ids: input } : input;
}

/** What a batcher gives for each input, which `take` makes an input of the batcher. */
export async function runInputs<I, R, O extends RunOptions>(
  batcher: Batcher<R, I, O>,
  inputs: readonly ModelInput[],
  take: (input: ModelInput) => I,
  options: Omit<O, keyof RunOptions>,
  { signal, priority, group }: CallContext,
): Promise<Answered<R>> {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const all = { ...options, signal: stop.signal, priority, group } as unknown as O;
  const run = async (input: ModelInput, index: number) => {
    try {
      return await batcher.runWithFacts(take(input), all);
    } catch (error) {
      throw asInput(error, index);
    }
  };
  try {
    const answered = await Promise.all(inputs.map(run));
    return { results: answered.map(({ result }) => result), facts: factsOf(inputs, answered) };
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function factsOf(
  inputs: readonly ModelInput[],
  answered: readonly WithFacts<unknown>[],
): CallFacts {
  const characters = inputs.reduce((sum, input) => sum + charactersOf(input), 0);
  const sums = { characters, tokens: 0, truncated: 0 };
  const longest = { tokenizeMs: 0, queueMs: 0, inferenceMs: 0 };
  for (const { facts } of answered) {
    sums.tokens += facts.tokens;
    sums.truncated += facts.truncated ? 1 : 0;
    longest.tokenizeMs = Math.max(longest.tokenizeMs, facts.tokenizeMs);
    longest.queueMs = Math.max(longest.queueMs, facts.queueMs);
    longest.inferenceMs = Math.max(longest.inferenceMs, facts.computeMs);
  }
  return { texts: inputs.length, ...sums, ...longest };
}

/**
 * `run: text must ...` as `inputs[3] must ...`, `run: ids[7] must ...` as `inputs[3][7] must ...`, and `run: dimensions must ...`
 * as `dimensions must ...`.
 */
function asInput(error: unknown, index: number): unknown {
  if (error instanceof TypeError || error instanceof RangeError) {
    error.message = error.message
      .replace(/^run: (?:text|question|context|ids)\b/, `inputs[${index}]`)
      .replace(/^run: /, '');
  }
  return error;
}
