/**
 * Hashes of the texts of requests that are being answered, until their line is written.
 *
 * The rule: texts are hashed when the model has answered and not kept. A request is known by the object of its facts, because clients
 * choose the ids of requests and may choose the same twice.
 */
import type { CallSizes, MonitoredInput } from '../records.js';
import { hashOf } from './chain.js';

export class TextHashes {
  private readonly waiting = new WeakMap<CallSizes, readonly string[]>();

  constructor(private readonly key: string | null) {}

  keep(facts: CallSizes, inputs: readonly MonitoredInput[]): void {
    this.waiting.set(
      facts,
      inputs.map((input) => inputHash(input, this.key)),
    );
  }

  /** The hashes of a request as a field of its line; empty without any. */
  take(facts: CallSizes | null): { readonly inputHashes?: readonly string[] } {
    const inputHashes = facts === null ? undefined : this.waiting.get(facts);
    return inputHashes === undefined ? {} : { inputHashes };
  }
}

/** The hash of an input: of a text itself; of a pair or of ids, of their JSON. */
export function inputHash(input: MonitoredInput, key: string | null): string {
  return hashOf(typeof input === 'string' ? input : JSON.stringify(input), key);
}
