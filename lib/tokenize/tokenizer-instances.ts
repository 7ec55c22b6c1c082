/**
 * What reads the texts of a tokenizer: the native core where it can, else an instance of the `tokenizers` package, which is made when it
 * is first needed; and the layout of special tokens.
 *
 * The instance has no limit and no padding: texts are cut here, and special tokens are put around the tokens that stay.
 */

import { setImmediate } from 'node:timers/promises';
import type { Encoding, Tokenizer } from 'tokenizers';
import { rangeMistake, SinterError } from '../core/errors.js';
import type { CoreTokenizer } from './core-vocabulary.js';
import { brokenTokenizer, type MadeTokenizer, withOwnNames } from './make-tokenizer.js';
import { PackageTokens, type PieceTokens } from './piece-tokens.js';
import type { TextInput } from './text-tokenizer.js';
import { TokenLayout } from './token-layout.js';

/** Texts of which most tokenizers make at least one token. */
const PROBES = ['a', '.', '1', '\u4e00'];
/** Where these fail, the tokenizer's own first tokens are tried. */
const PROBED_IDS = 1000;
const PLAIN = { addSpecialTokens: false };

/** A piece of a text that is read piece by piece. */
const LONG_CHARS = 4096;
/** Of an encoding, with its offsets and the text of its tokens. */
const RESULT_BYTES_PER_CHAR = 64;
const MAX_TOLD = 1 << 24;
/** Most UTF-16 units tokenized at once: for 262,144 the package takes 60 to 200 MB. Pieces of texts are far shorter. */
const MAX_AT_ONCE = 1 << 18;
/** UTF-16 units that the core reads, in about a millisecond, before the event loop turns. */
const UNITS_PER_TURN = 1 << 14;
/** What a text takes beside its length, in the time of so many units. */
const UNITS_PER_TEXT = 256;

/** The instance of the package, or what makes it beside the core that reads most texts. */
export type InstanceSource =
  | { readonly made: MadeTokenizer }
  | { readonly core: CoreTokenizer; readonly make: () => Promise<MadeTokenizer> };

export interface InstanceOptions {
  /** Longest text, in UTF-16 units. */
  readonly maxTextLength: number;
  /** What the tokenizer does with texts, for messages. */
  readonly rules: string;
  /** Special tokens around one text and around a pair, where they are known without the package. */
  readonly layouts?: readonly [TokenLayout | null, TokenLayout | null];
}

export class TokenizerInstances {
  /** Number of ids, added tokens included. */
  readonly vocabulary: number;
  private readonly from: InstanceSource;
  private readonly source: string;
  private readonly rules: string;
  private readonly maxTextLength: number;
  private making: Promise<MadeTokenizer> | null = null;
  private unitsOfTurn = 0;
  private readonly layouts = new Map<boolean, Promise<TokenLayout>>();
  private probe: Promise<string> | null = null;

  /** `source`: file of the tokenizer, for messages. */
  constructor(
    from: InstanceSource,
    source: string,
    { maxTextLength, rules, layouts = [null, null] }: InstanceOptions,
  ) {
    this.from = from;
    this.rules = rules;
    this.source = source;
    this.maxTextLength = maxTextLength;
    for (const [i, layout] of layouts.entries()) {
      if (layout !== null) this.layouts.set(i === 1, Promise.resolve(layout));
    }
    this.vocabulary =
      'made' in from ? from.made.tokenizer.getVocabSize(true) : from.core.vocabulary.size;
  }

  /** The token of an id; null where there is none. */
  tokenOf(id: number): string | null {
    if (!('made' in this.from)) return this.from.core.vocabulary.tokenOf(id);
    const { tokenizer, renamed } = this.from.made;
    const token = tokenizer.idToToken(id) ?? null;
    return token === null ? null : withOwnNames(token, renamed);
  }

  /** The id of a token; null where there is none. */
  idOf(token: string): number | null {
    if (!('made' in this.from)) return this.from.core.vocabulary.idOf(token);
    const { tokenizer, renamed } = this.from.made;
    for (const [id] of renamed) if (this.tokenOf(id) === token) return id;
    const id = tokenizer.tokenToId(token);
    return id !== null && renamed.has(id) ? null : id;
  }

  /** The id of an added token. Throws CORRUPT_MODEL where the tokenizer has none by that name. */
  addedId(token: string): number {
    const id = this.idOf(token);
    if (id !== null) return id;
    throw this.broken('cannot encode', `the added token ${JSON.stringify(token)} has no id`);
  }

  /** Ids to text; `skipSpecials` leaves out special tokens. */
  async decode(ids: readonly number[], skipSpecials = true): Promise<string> {
    const { tokenizer, renamed } = await this.instance();
    return withOwnNames(await tokenizer.decode([...ids], skipSpecials), renamed);
  }

  /** Tokens of all texts, without special ones. `placed`: whether their places are asked for too. */
  async read(texts: readonly string[], placed = true): Promise<PieceTokens[]> {
    for (const text of texts) this.checkLength(text);
    const { from } = this;
    const read = 'made' in from ? texts.map(() => null) : from.core.encode(texts, placed);
    if (!('made' in from)) await this.endTurn(texts);
    const rest = texts.filter((_, i) => read[i] === null);
    const encodings = rest.length === 0 ? [] : await this.encode(rest);
    let next = 0;
    return texts.map(
      (text, i) => read[i] ?? new PackageTokens(encodings[next++] as Encoding, text),
    );
  }

  /** As `read`, always by the package. `by`: another tokenizer with the same patterns. */
  async encode(texts: readonly string[], by?: Tokenizer): Promise<Encoding[]> {
    for (const text of texts) this.checkLength(text);
    this.tellMemory(texts);
    const tokenizer = by ?? (await this.instance()).tokenizer;
    return tokenizer.encodeBatch([...texts], PLAIN).catch((cause: unknown) => {
      throw this.broken('cannot encode', cause);
    });
  }

  /** Lets others run where the core, which works on this thread, has read much. */
  private async endTurn(texts: readonly string[]): Promise<void> {
    for (const { length } of texts) this.unitsOfTurn += UNITS_PER_TEXT + length;
    if (this.unitsOfTurn < UNITS_PER_TURN) return;
    this.unitsOfTurn = 0;
    await setImmediate();
  }

  private instance(): Promise<MadeTokenizer> {
    const { from } = this;
    this.making ??= 'made' in from ? Promise.resolve(from.made) : from.make();
    return this.making;
  }

  /**
   * The package's results lie in memory that V8 does not know of, so the garbage of a long text would pile up to half a gigabyte
   * before it is collected. This buffer of about their size is never touched; V8 counts it.
   */
  private tellMemory(texts: readonly string[]): void {
    for (const { length } of texts) {
      if (length < LONG_CHARS) continue;
      void new ArrayBuffer(Math.min(MAX_TOLD, RESULT_BYTES_PER_CHAR * length));
    }
  }

  /** The layout of special tokens around a text, or a pair. */
  layout(pair: boolean): Promise<TokenLayout> {
    let layout = this.layouts.get(pair);
    if (layout === undefined) {
      layout = this.findLayout(pair);
      this.layouts.set(pair, layout);
    }
    return layout;
  }

  /** Throws RangeError unless the limit leaves room beside the special tokens. */
  async checkLimit(maxTokens: number, texts: readonly TextInput[]): Promise<void> {
    const layout = await this.layout(texts.some((text) => typeof text !== 'string'));
    const least = layout.specials + 1;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < least || maxTokens > 2 ** 31 - 1) {
      throw rangeMistake('maxTokens', `an integer of at least ${least}`, maxTokens);
    }
  }

  private async findLayout(pair: boolean): Promise<TokenLayout> {
    this.probe ??= this.findProbe();
    const text = await this.probe;
    const [plain] = await this.encode([text]);
    const length = plain?.getLength() ?? 0;
    const { tokenizer } = await this.instance();
    const encoding = await tokenizer.encode(text, pair ? text : null).catch((cause: unknown) => {
      throw this.broken('cannot encode', cause);
    });
    return TokenLayout.of(encoding, [length, length]);
  }

  /** A text that has at least one token. */
  private async findProbe(): Promise<string> {
    const none = Symbol('no tokens');
    let failed: unknown = none;
    const lengthOf = async (text: string) => {
      try {
        const [encoding] = await this.encode([text]);
        return encoding?.getLength() ?? 0;
      } catch (error) {
        failed = failed === none ? error : failed;
        return 0;
      }
    };
    for (const text of PROBES) if ((await lengthOf(text)) > 0) return text;
    for (let id = 0; id < Math.min(this.vocabulary, PROBED_IDS); id++) {
      const text = await this.decode([id]).catch(() => '');
      if (text !== '' && (await lengthOf(text)) > 0) return text;
    }
    throw failed === none ? this.broken('cannot encode', 'no text has a token') : failed;
  }

  /**
   * Throws for a text that must be tokenized whole and is too long: memory would grow with it. A pattern that backtracks over the
   * length of a text would end the process.
   */
  private checkLength({ length }: string): void {
    const { source, rules, maxTextLength } = this;
    if (length > maxTextLength) {
      throw new SinterError(
        'INVALID_DATA',
        `a text must be at most ${maxTextLength} characters for the patterns of ${source}, got ${length}`,
      );
    }
    if (length > MAX_AT_ONCE) {
      throw new SinterError(
        'INVALID_DATA',
        `a text must have a place where it can be cut in every ${MAX_AT_ONCE} characters, got ${length} without one for ${rules} of ${source}`,
      );
    }
  }

  /** Texts were checked before, so a failure of the package is the fault of its file. */
  private broken(what: string, cause: unknown): SinterError {
    return brokenTokenizer(this.source, what, cause);
  }
}
