/**
 * Counts tokens and unknown tokens of a sample of the served texts.
 *
 * The rule: a text that is tokenized a second time costs the server; so a few a second are, one at a time, and a text is held only
 * until that is done.
 */
import { isText, type MonitoredInput } from '../records.js';

/** Tokens of a text as the model reads it, and the share of them that stand for what the vocabulary lacks. */
export interface TokenCount {
  readonly tokens: number;
  readonly unknown: number;
}

/** Tokenizes a text of a model; null where that is not possible. */
export type CountTokens = (
  model: string,
  text: string | readonly [string, string],
) => Promise<TokenCount | null>;

/** Texts of a model that are counted in a second. */
const PER_SECOND = 5;
/** A longer text takes long to tokenize, and its tokens are over the limit of the model anyway. */
const MOST_CHARACTERS = 20_000;

export class TokenSampler {
  private isBusy = false;
  private next = 0;

  constructor(
    private readonly model: string,
    private readonly count: CountTokens,
    private readonly onCount: (count: TokenCount) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Offers a text; it is counted if its turn has come. `now` is in milliseconds. */
  offer(input: MonitoredInput, now: number): void {
    if (this.isBusy || now < this.next || !isText(input)) return;
    const length = typeof input === 'string' ? input.length : input[0].length + input[1].length;
    if (length > MOST_CHARACTERS) return;
    this.isBusy = true;
    this.next = now + 1000 / PER_SECOND;
    this.count(this.model, input)
      .then((count) => {
        if (count !== null) this.onCount(count);
      })
      .catch(this.onError)
      .finally(() => {
        this.isBusy = false;
      });
  }
}
