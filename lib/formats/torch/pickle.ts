/**
 * A pickle machine that can only build plain values: numbers, strings, tuples, lists, dicts, and tensors over storages.
 *
 * A pickle is a program that names functions to call. Here each name is looked up in a closed list; any other name is
 * UNSUPPORTED_MODEL before a value is made with it. Nothing is ever executed.
 */

import { SinterError, show } from '../../core/errors.js';
import { corrupt, type SafetensorsDtype } from '../safetensors-header.js';
import { globalOf, PickleGlobal } from './pickle-globals.js';
import { PickleReader } from './pickle-reader.js';

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}
export class PickleList {
  readonly items: PickleValue[] = [];
}
export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>();
}
/** A storage of `elements` numbers in the file, of which tensors are views. */
export class PickleStorage {
  constructor(
    readonly dtype: SafetensorsDtype,
    readonly key: string,
    readonly elements: number,
  ) {}
}
/** A strided view of a storage; its sizes and strides are checked in strided-tensor.ts. */
export class PickleTensor {
  constructor(
    readonly storage: PickleStorage,
    readonly offset: PickleValue,
    readonly shape: PickleValue,
    readonly strides: PickleValue,
  ) {}
}

export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleStorage
  | PickleTensor;

/** Limit of steps, more than any model needs (about 50 a tensor): it bounds time and memory. */
const MAX_STEPS = 2_000_000;
const NONE = 0x4e;

/** Runs a pickle of protocol 2 to 5 and returns its value. `place` is the position of the pickle in the file. */
export function readPickle(bytes: Uint8Array, file: string, place: number): PickleValue {
  return new Machine(new PickleReader(bytes, file, place), file).run();
}

class Machine {
  private readonly reader: PickleReader;
  private readonly file: string;
  private stack: PickleValue[] = [];
  /** For each open mark, the stack as it was before the mark. */
  private readonly marks: PickleValue[][] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(reader: PickleReader, file: string) {
    this.reader = reader;
    this.file = file;
  }

  run(): PickleValue {
    for (let step = 0; step < MAX_STEPS; step++) {
      const code = this.reader.byte();
      if (code === 0x2e) return this.pop();
      this.step(code);
    }
    throw this.bad(`a pickle of more than ${MAX_STEPS} steps`);
  }

  private step(code: number): void {
    const value = this.literal(code) ?? this.made(code);
    if (value !== undefined) this.stack.push(value);
    else if (code === NONE) this.stack.push(null);
    else this.change(code);
  }

  /** A value written in the pickle itself, or taken from the memo. */
  private literal(code: number): PickleValue | undefined {
    const { reader } = this;
    switch (code) {
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4a: // BININT
        return reader.int4();
      case 0x4b: // BININT1
        return reader.byte();
      case 0x4d: // BININT2
        return reader.short();
      case 0x8a: // LONG1
        return reader.long(reader.byte());
      case 0x47: // BINFLOAT
        return reader.float();
      case 0x58: // BINUNICODE
        return reader.text(reader.uint4());
      case 0x8c: // SHORT_BINUNICODE
        return reader.text(reader.byte());
      case 0x68: // BINGET
        return this.recall(reader.byte());
      case 0x6a: // LONG_BINGET
        return this.recall(reader.uint4());
      case 0x63: // GLOBAL
        return globalOf(reader.line(), reader.line(), this.file);
      default:
        return undefined;
    }
  }

  /** A value made from values on the stack. */
  private made(code: number): PickleValue | undefined {
    switch (code) {
      case 0x29: // EMPTY_TUPLE
        return new PickleTuple([]);
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return new PickleTuple(this.take(code - 0x84));
      case 0x74: // TUPLE
        return new PickleTuple(this.toMark());
      case 0x5d: // EMPTY_LIST
        return new PickleList();
      case 0x7d: // EMPTY_DICT
        return new PickleDict();
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.take(2);
        if (typeof module === 'string' && typeof name === 'string') {
          return globalOf(module, name, this.file);
        }
        throw this.bad('a name of no text');
      }
      case 0x51: // BINPERSID
        return this.storage(this.pop());
      case 0x52: {
        // REDUCE
        const [callee, args] = this.take(2);
        return this.call(callee, args);
      }
      default:
        return undefined;
    }
  }

  /** Runs an instruction that makes no value: it fills a list or dict on the stack, or the memo. */
  private change(code: number): void {
    const { reader, memo } = this;
    switch (code) {
      case 0x80: // PROTO
        if (reader.byte() > 5) throw this.bad('a pickle protocol above 5');
        break;
      case 0x95: // FRAME
        reader.long8();
        break;
      case 0x28: // MARK
        this.marks.push(this.stack);
        this.stack = [];
        break;
      case 0x30: // POP
        this.pop();
        break;
      case 0x61: // APPEND
        this.append([this.pop()]);
        break;
      case 0x65: // APPENDS
        this.append(this.toMark());
        break;
      case 0x73: // SETITEM
        this.setItems(this.take(2));
        break;
      case 0x75: // SETITEMS
        this.setItems(this.toMark());
        break;
      case 0x71: // BINPUT
        memo.set(reader.byte(), this.top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(reader.uint4(), this.top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, this.top());
        break;
      case 0x62: // BUILD: attributes of a dict (a state dict's _metadata), which nothing here needs
        this.pop();
        if (!(this.top() instanceof PickleDict)) throw this.bad('attributes of no dict');
        break;
      default:
        throw this.refuse(`pickle step 0x${code.toString(16)}`);
    }
  }

  private call(callee: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    if (!(callee instanceof PickleGlobal) || !(args instanceof PickleTuple)) {
      throw this.bad('a call of no function');
    }
    const [first, second, third, fourth] = args.items;
    switch (callee.kind) {
      case 'dict':
        if (args.items.length > 0) throw this.refuse('an OrderedDict made of arguments');
        return new PickleDict();
      case 'tensor':
        if (!(first instanceof PickleStorage)) throw this.bad('a tensor of no storage');
        return new PickleTensor(first, second ?? null, third ?? null, fourth ?? null);
      case 'parameter':
        if (!(first instanceof PickleTensor)) throw this.bad('a parameter of no tensor');
        return first;
      default:
        throw this.bad(`a call of ${callee.name}`);
    }
  }

  /** A storage from its id, the tuple ('storage', class, key, location, elements). */
  private storage(id: PickleValue): PickleStorage {
    const [kind, type, key, , elements] = id instanceof PickleTuple ? id.items : [];
    const known = type instanceof PickleGlobal && type.kind === 'storage';
    if (kind !== 'storage' || !known || typeof key !== 'string' || typeof elements !== 'number') {
      throw this.bad('a persistent id that is no storage');
    }
    if (!Number.isSafeInteger(elements) || elements < 0) throw this.bad(`${elements} elements`);
    return new PickleStorage(type.dtype, key, elements);
  }

  private append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!(list instanceof PickleList)) throw this.bad('items of no list');
    for (const item of items) list.items.push(item);
  }

  private setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof PickleDict) || items.length % 2 !== 0) throw this.bad('items of no dict');
    for (let i = 0; i < items.length; i += 2) {
      dict.entries.set(items[i] ?? null, items[i + 1] ?? null);
    }
  }

  private pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined) throw this.bad('an empty stack');
    return value;
  }

  private top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined) throw this.bad('an empty stack');
    return value;
  }

  private take(count: number): PickleValue[] {
    if (this.stack.length < count) throw this.bad('an empty stack');
    return this.stack.splice(this.stack.length - count);
  }

  private toMark(): PickleValue[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (below === undefined) throw this.bad('no mark');
    this.stack = below;
    return items;
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index);
    if (value === undefined) throw this.bad(`nothing remembered as ${index}`);
    return value;
  }

  private bad(what: string): SinterError {
    return corrupt(this.file, this.reader.place, `not a pickle of torch: ${show(what)}`);
  }

  private refuse(what: string): SinterError {
    return new SinterError('UNSUPPORTED_MODEL', `${this.file}: unsupported ${what}`, {
      details: { file: this.file, byteOffset: this.reader.place },
    });
  }
}
