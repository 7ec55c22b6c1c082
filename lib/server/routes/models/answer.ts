/**
 * What all answers of our own routes have.
 *
 * The rule: `results` are in the order of the inputs; `version` tells which weights gave them.
 */
import type { CallFacts, ServedInfo } from '../../contract.js';

export const usageOf = ({ texts, tokens, truncated }: CallFacts) => ({
  inputs: texts,
  tokens,
  truncated,
});

export function answerOf(info: ServedInfo, facts: CallFacts, results: readonly unknown[]) {
  return { model: info.name, version: info.version, results, usage: usageOf(facts) };
}
