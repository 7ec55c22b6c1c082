/**
 * The vocabulary of a WordPiece tokenizer.json, read by the native core: 30,000 words as an object of JavaScript take some 50 ms of a load,
 * and no text needs it.
 *
 * The rule: it is what JSON.parse gives. A few names are looked up in the core's words; whoever lists the names gets those of JSON.parse.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { native } from '../native/native.js';
import { CoreWords } from './words.js';

const WORDS = new WeakMap<object, CoreWords>();

/** The words of a vocabulary that `readVocabulary` made; null for any other value. */
export function coreWordsOf(vocabulary: JsonValue | undefined): CoreWords | null {
  return isJsonObject(vocabulary) ? (WORDS.get(vocabulary) ?? null) : null;
}

/**
 * Takes the value of `key` in place of JSON.parse; null where it is not the vocabulary of WordPiece, or one that the core does not read.
 * `json`: its text; `whole`: the value around it, without it.
 */
export function readVocabulary(whole: JsonValue, key: string, json: Uint8Array): JsonObject | null {
  const model = isJsonObject(whole) ? whole.model : null;
  if (key !== 'vocab' || !isJsonObject(model ?? undefined)) return null;
  if ((model as JsonObject).type !== 'WordPiece') return null;
  const list = new (native().WordList)(json);
  if (list.size() === 0) return null;
  const words = new CoreWords(list);
  const vocabulary = new Proxy<JsonObject>({}, new Lookup(words, json));
  WORDS.set(vocabulary, words);
  return vocabulary;
}

class Lookup implements ProxyHandler<JsonObject> {
  private parsed: JsonObject | null = null;

  constructor(
    private readonly words: CoreWords,
    private readonly json: Uint8Array,
  ) {}

  get(target: JsonObject, key: string | symbol): unknown {
    return this.idOf(key) ?? Reflect.get(target, key);
  }

  has(target: JsonObject, key: string | symbol): boolean {
    return this.idOf(key) !== null || Reflect.has(target, key);
  }

  getOwnPropertyDescriptor(_: JsonObject, key: string | symbol): PropertyDescriptor | undefined {
    const value = this.idOf(key);
    if (value === null) return undefined;
    return { value, configurable: true, enumerable: true, writable: true };
  }

  ownKeys(): (string | symbol)[] {
    this.parsed ??= JSON.parse(new TextDecoder().decode(this.json)) as JsonObject;
    return Reflect.ownKeys(this.parsed);
  }

  defineProperty(): boolean {
    return false;
  }

  deleteProperty(): boolean {
    return false;
  }

  private idOf(key: string | symbol): number | null {
    if (typeof key !== 'string') return null;
    if (this.parsed === null) return this.words.idOf(key);
    return Object.hasOwn(this.parsed, key) ? (this.parsed[key] as number) : null;
  }
}
