/**
 * Converts texts to token ids through the `tokenizers` package, as flat ragged arrays.
 *
 * Texts are checked before the package sees them, so a failure of it is the fault of its file.
 */

import { setImmediate } from 'node:timers/promises';
import { rangeMistake } from '../core/errors.js';
import {
  isJsonObject,
  type JsonObject,
  parseJsonObject,
  parseLongJsonObject,
} from '../core/json.js';
import { inTurns } from '../core/turns.js';
import { type AlignedTexts, alignWindows, joinAligned } from './aligned-texts.js';
import { BytePairs } from './byte-pairs.js';
import { checkTokenizer } from './check/index.js';
import { type EncodedTexts, encodeRows, joinEncoded } from './encoded-texts.js';
import { LongWordSource } from './long-words/source.js';
import type { SymbolSettings } from './long-words/symbols.js';
import { makeTokenizer } from './make-tokenizer.js';
import { type PlacedTokens, Placer, type TokensWithOffsets } from './placed-tokens.js';
import { withoutSegments } from './post-processor.js';
import { withLowercase } from './saved-settings.js';
import { SpecialNames } from './special-names.js';
import { layoutOf } from './template-layout.js';
import { checkText } from './text-check.js';
import { cutRuleOf } from './text-cut.js';
import { IDS, type TextReader } from './text-reader.js';
import { type Cancel, TextRows } from './text-rows.js';
import { WindowCutter, WindowGroup } from './text-windows.js';
import {
  checkLargest,
  checkSegments,
  checkTokens,
  largestSegment,
  type TokenTable,
} from './token-limits.js';
import { MAIN, readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';
import { type InstanceSource, TokenizerInstances } from './tokenizer-instances.js';
import { rulesOf } from './tokenizer-parts.js';
import { WordPieces } from './word-pieces.js';
import { continuedWords } from './word-starts.js';
import type { Words } from './words.js';

export type { EncodedTexts } from './encoded-texts.js';
export type { TokensWithOffsets } from './placed-tokens.js';

/** Two texts, such as question and context, or premise and hypothesis. */
export type TextPair = readonly [string, string];
/** One text, or a pair (question and context, premise and hypothesis). */
export type TextInput = string | TextPair;

/** Which tokens of a text over the limit stay. */
export type KeptSide = 'first' | 'last';

export interface EncodeOptions extends Cancel {
  /** Limit per text or pair, special tokens included. */
  readonly maxTokens: number;
  /**
   * true (default): longer texts are cut, the longer of a pair first. false: a longer text is a
   * RangeError.
   */
  readonly truncate?: boolean;
  /** Default: as the tokenizer's files say. */
  readonly kept?: KeptSide | undefined;
  /**
   * Number of texts[0] in messages, for callers that hand over their texts in pieces. Default: 0.
   */
  readonly firstIndex?: number;
  /** Name of texts[i] in messages. Default: `texts[i]`, counted from firstIndex. */
  readonly nameOf?: (index: number) => string;
}

export interface WindowOptions extends Cancel {
  /** Limit per window, special tokens and first text included. */
  readonly maxTokens: number;
  readonly stride: number;
  /** Name of texts[i] in messages. */
  readonly nameOf: (index: number) => string;
}

/**
 * Loads the tokenizer of a model folder (tokenizer.json, else vocab.txt). `lowercase` lowers texts
 * first, whatever the tokenizer does by itself. Throws CORRUPT_MODEL with the file.
 */
export async function loadTokenizer(
  folder: string,
  options: { readonly lowercase?: boolean } = {},
): Promise<TextTokenizer> {
  return TextTokenizer.fromFiles(await readTokenizerFiles(folder), options.lowercase ?? false);
}

interface TokenizerParts {
  readonly from: TokenizerFiles;
  readonly instances: TokenizerInstances;
  /** The largest id of the vocabulary, without added tokens. */
  readonly largest: number;
  readonly segments: number;
}

/** Make it with loadTokenizer. Calls may overlap. */
export class TextTokenizer {
  /** Text of the tokenizer files by name, for saving beside a model. */
  readonly files: ReadonlyMap<string, string>;
  private readonly from: Omit<TokenizerFiles, 'tokenizer'>;
  private readonly instances: TokenizerInstances;
  private readonly rows: TextRows;
  private readonly placer: Placer;
  private readonly named: SpecialNames;
  /** Id of the token that stands for what the vocabulary lacks; null when the model has none. */
  readonly unknownId: number | null;
  private readonly largest: number;
  private readonly segments: number;
  private table: TokenTable = { vectors: Number.POSITIVE_INFINITY, segments: 0, path: '' };

  private constructor({ from, instances, largest, segments }: TokenizerParts) {
    this.files = from.files;
    const { tokenizer: _, ...small } = from;
    this.from = small;
    const rule = cutRuleOf(from.tokenizer);
    this.instances = instances;
    const stripsSpace = rule?.stripsSpace ?? false;
    const long = longWordsOf(from, { idOf: (token) => instances.addedId(token), stripsSpace });
    this.rows = new TextRows(instances, rule, keptSide(from), long);
    const nameOf = (id: number) => instances.tokenOf(id);
    this.placer = new Placer(from.tokenizer, stripsSpace, nameOf);
    this.named = new SpecialNames(from);
    const { model } = from.tokenizer;
    const { unk_token: name, unk_id: id } = isJsonObject(model) ? model : {};
    this.unknownId = typeof name === 'string' ? this.tokenToId(name) : ((id as number) ?? null);
    this.largest = largest;
    this.segments = segments;
  }

  /** Number of ids, added tokens included; with a model, at most its table has rows. */
  get vocabulary(): number {
    return Math.min(this.instances.vocabulary, this.table.vectors);
  }

  /**
   * Sets the table of the model that the ids are for. Throws CORRUPT_MODEL when the vocabulary or its segments exceed it; an
   * added token beyond it is an error only in a text that has it.
   */
  useFor(table: TokenTable): void {
    checkLargest(this.largest, table);
    checkSegments(this.segments, table);
    this.table = table;
  }

  /** Ids of all special tokens. */
  get specialIds(): ReadonlySet<number> {
    return this.named.ids;
  }

  /** Id of the mask token; null when the tokenizer has none. */
  get maskToken(): { readonly content: string; readonly id: number } | null {
    const content = this.named.mask;
    const id = content === null ? null : this.tokenToId(content);
    if (content === null || id === null || id >= this.table.vectors) return null;
    return { content, id };
  }

  /** Makes a tokenizer of files in memory. A large vocabulary is checked in several turns of the event loop. */
  static async fromFiles(given: TokenizerFiles, lowercase = false): Promise<TextTokenizer> {
    const from = lowercase ? withLowercase(given) : given;
    const { source } = from;
    await setImmediate();
    const { maxTextLength, words, largestId } = await inTurns(
      checkTokenizer(from.tokenizer, source),
    );
    await setImmediate();
    // The tokenizer.json of the files, or one that was changed.
    const tokenizer = from.segments === false ? withoutSegments(from.tokenizer) : from.tokenizer;
    const made = await instanceOf(tokenizer, words, from);
    await setImmediate();
    const layouts = [layoutOf(tokenizer, false), layoutOf(tokenizer, true)] as const;
    return new TextTokenizer({
      from,
      instances: new TokenizerInstances(made, source, {
        ...{ maxTextLength, rules: rulesOf(tokenizer), layouts },
      }),
      largest: largestId,
      segments: largestSegment(tokenizer.post_processor),
    });
  }

  /** What it was made of. tokenizer.json is parsed again from the kept text, because few calls need it. */
  async source(): Promise<TokenizerFiles> {
    const { from } = this;
    const tokenizer = await parseLongJsonObject(from.files.get(MAIN) ?? '', from.source);
    return { ...from, tokenizer };
  }

  /**
   * Token ids of all texts. Throws TypeError or RangeError naming texts[i]. The work is done off
   * the JavaScript thread, in chunks, with `signal` looked at between them.
   */
  async encode(texts: readonly TextInput[], options: EncodeOptions): Promise<EncodedTexts> {
    const parts: EncodedTexts[] = [];
    for await (const rows of this.rows.read(texts, options, () => IDS)) {
      parts.push(encodeRows(rows));
    }
    const joined = joinEncoded(parts);
    checkTokens(joined, this.table, texts, namesOf(options));
    return joined;
  }

  /** Tokens of one text with UTF-16 offsets, the whole text; `specials`: with the special tokens around it. */
  async encodeWithOffsets(text: string, specials = true): Promise<TokensWithOffsets> {
    checkText('texts[0]', text);
    const { slots } = await this.instances.layout(false);
    const kind = this.placer.named(text);
    const parts: TokensWithOffsets[] = [];
    const tokens: string[] = [];
    const add = (part: TokensWithOffsets) => {
      parts.push({ ...part, tokens: [] });
      for (const token of part.tokens) tokens.push(token);
    };
    for (const slot of slots) {
      if ('id' in slot) {
        if (specials) add(this.special(slot.id));
      } else {
        const reader = this.rows.reader(text, kind, Number.POSITIVE_INFINITY);
        while (!reader.done) {
          await this.rows.readOn([reader], {});
          add(reader.drain());
        }
      }
    }
    return { ...kind.join(parts), tokens };
  }

  /** As `encode`, with 1 for each token that continues the word of the token before it. */
  async encodeWords(
    texts: readonly string[],
    options: EncodeOptions,
  ): Promise<EncodedTexts & { readonly continues: Int32Array }> {
    const aligned = await this.encodeAligned(texts, options);
    return { ...aligned, continues: continuedWords(texts, aligned, this.placer.marksWords) };
  }

  /** As `encode`, with the places of the tokens in their texts. */
  async encodeAligned(texts: readonly TextInput[], options: EncodeOptions): Promise<AlignedTexts> {
    const parts: AlignedTexts[] = [];
    let source = 0;
    for await (const rows of this.rows.read(texts, options, (text) => this.placer.words(text))) {
      const windows = rows.map((row) => ({ ...row, source: source++ }));
      parts.push(alignWindows(windows));
    }
    const joined = joinAligned(parts);
    checkTokens(joined, this.table, texts, namesOf(options));
    return joined;
  }

  /**
   * Windows of at most `maxTokens` tokens over texts, or over the second text of pairs; neighbours share `stride` tokens.
   * RangeError, naming the text by `nameOf`, when the limit leaves no room for that.
   */
  async encodeWindows(texts: readonly TextInput[], options: WindowOptions): Promise<AlignedTexts> {
    const groups: AlignedTexts[] = [];
    for await (const group of this.windowGroups(texts, options)) groups.push(group);
    return joinAligned(groups);
  }

  /** As `encodeWindows`, in groups of windows as they are read, so that a text of any length takes the memory of one group. */
  async *windowGroups(
    texts: readonly TextInput[],
    options: WindowOptions,
  ): AsyncGenerator<AlignedTexts> {
    for await (const group of this.readGroups(texts, options)) {
      checkTokens(group, this.table, texts, options.nameOf);
      yield group;
    }
  }

  private async *readGroups(
    texts: readonly TextInput[],
    options: WindowOptions,
  ): AsyncGenerator<AlignedTexts> {
    const { maxTokens, stride, nameOf } = options;
    for (const [i, text] of texts.entries()) checkText(nameOf(i), text);
    await this.instances.checkLimit(maxTokens, texts);
    const group = new WindowGroup();
    for (let begin = 0; begin < texts.length; ) {
      const end = this.rows.chunkEnd(texts, begin, Number.POSITIVE_INFINITY);
      const readers = texts.slice(begin, end).map((text) => this.windowReaders(text, maxTokens));
      await this.rows.readOn(
        readers.flatMap(({ first, long }) => [...first, long]),
        options,
      );
      for (const [i, { first, long }] of readers.entries()) {
        const source = begin + i;
        const layout = await this.instances.layout(first.length > 0);
        const room = maxTokens - layout.specials;
        const name = nameOf(source);
        const text = texts[source] ?? '';
        const before = await this.firstTexts(first, room - stride - 1, options, { name, text });
        const cutter = new WindowCutter(room - (before[0]?.ids.length ?? 0), stride);
        for (let over = false; !over; ) {
          over = long.done;
          yield* group.add(layout, before, cutter.push(long.drain(), over), source);
          if (!over) await this.rows.readOn([long], options);
        }
      }
      begin = end;
    }
    if (group.size > 0) yield group.flush();
  }

  private special(id: number): TokensWithOffsets {
    const tokens = [this.instances.tokenOf(id) ?? ''];
    const nowhere = Int32Array.of(0);
    return { ids: Int32Array.of(id), tokens, starts: nowhere, ends: nowhere };
  }

  /** Readers of the text that windows are cut from, and of the text before it, if there is one. */
  private windowReaders(text: TextInput, maxTokens: number) {
    const texts = typeof text === 'string' ? [text] : text;
    const reader = (part: string, keep: number) =>
      this.rows.reader(part, this.placer.words(part), keep);
    return {
      first: texts.slice(0, -1).map((part) => reader(part, maxTokens)),
      long: reader(texts.at(-1) ?? '', Number.POSITIVE_INFINITY),
    };
  }

  /** All tokens of a pair's first text; RangeError for more than `most`. Nothing for a single text. */
  private async firstTexts(
    [first]: readonly TextReader<PlacedTokens>[],
    most: number,
    cancel: Cancel,
    { name, text }: { readonly name: string; readonly text: TextInput },
  ): Promise<readonly PlacedTokens[]> {
    if (first === undefined && most >= 0) return [];
    if (first === undefined) throw rangeMistake(name, 'shorter, or windows longer', text);
    while (!first.done && first.count <= most) await this.rows.readOn([first], cancel);
    if (first.count <= most) return [first.take(first.count)];
    throw rangeMistake(`${name}[0]`, `at most ${Math.max(0, most)} tokens`, text[0]);
  }

  /** Ids to text; `skipSpecials` leaves out special tokens. */
  async decode(ids: Iterable<number>, skipSpecials = true): Promise<string> {
    return this.instances.decode([...ids], skipSpecials);
  }

  /** Id of a token, or null. */
  tokenToId(token: string): number | null {
    return this.instances.idOf(token);
  }
}

/**
 * The native core for the kinds that it reads, and the package for all others. The core's tokenizer parses its JSON again where the package
 * is needed after all, because that is seldom and the JSON is large.
 */
async function instanceOf(
  tokenizer: JsonObject,
  words: Words | null,
  { files, source, segments }: TokenizerFiles,
): Promise<InstanceSource> {
  const isLaidOut = layoutOf(tokenizer, false) !== null && layoutOf(tokenizer, true) !== null;
  const core = isLaidOut
    ? (WordPieces.of(tokenizer, words) ?? (await inTurns(BytePairs.of(tokenizer, words))))
    : null;
  if (core === null) return { made: await makeTokenizer(tokenizer, words?.list() ?? null, source) };
  const make = async () => {
    const again = await parseLongJsonObject(files.get(MAIN) ?? '', source);
    return makeTokenizer(
      segments === false ? withoutSegments(again) : again,
      words?.list() ?? null,
      source,
    );
  };
  return { core, make };
}

function namesOf({ firstIndex = 0, nameOf }: EncodeOptions): (index: number) => string {
  return nameOf ?? ((index) => `texts[${firstIndex + index}]`);
}

/** The JSON is parsed again from the kept text, because few texts need it. */
function longWordsOf(
  { files, source, tokenizer: { model } }: TokenizerFiles,
  settings: Omit<SymbolSettings, 'characters'>,
): LongWordSource | null {
  if (!isJsonObject(model) || (model.merges === undefined && !Array.isArray(model.vocab)))
    return null;
  return new LongWordSource(() => parseJsonObject(files.get(MAIN) ?? '', source), settings);
}

/** Which tokens of a text that is too long are kept. The settings win over tokenizer.json, as in transformers. */
function keptSide({ tokenizer, config }: TokenizerFiles): KeptSide {
  const { truncation_side: stated } = config;
  const { direction } = isJsonObject(tokenizer.truncation) ? tokenizer.truncation : {};
  const side = stated ?? direction;
  return side === 'left' || side === 'Left' ? 'last' : 'first';
}
