/**
 * TensorProto: reads and checks the description of a tensor at once, its numbers on demand.
 *
 * Shape, type and location are compared with the bytes in the file before memory is allocated.
 */

import { scanFields, type WireSource, type WireSpan } from '../../wire-reader.js';
import type { Initializer, Numbers, Tensor } from '../model.js';
import { type StoredView, wholeView } from '../stored-view.js';
import type { ParseContext } from './context.js';
import { decodeRaw } from './decode-raw.js';
import { dtypeOf, type NumberDtype, rawBytes } from './dtypes.js';
import { expectBytes, expectVarint, intOf, intsOf, textOf } from './fields.js';
import { MAX_ELEMENTS, MAX_RANK } from './limits.js';
import {
  countEntries,
  decodeTyped,
  EntryError,
  TYPED_FIELDS,
  typedEntries,
  typedField,
} from './typed-data.js';

/** Largest tensor, in bytes, whose decoded numbers are kept: many nodes read small constants. */
const KEEP_BYTES = 4096;

interface Extent {
  readonly begin: number;
  readonly end: number;
}

interface TensorFields {
  name: string;
  typeNumber: number;
  readonly dims: number[];
  raw: Extent | null;
  /** Number of entries of the typed data, by field number. */
  readonly typed: Map<number, number>;
  strings: boolean;
  external: boolean;
  readonly location: Map<string, string>;
}

/** Reads the TensorProto at `extent`. `owner` names it in messages when it has no name of its own. */
export function readTensor(
  context: ParseContext,
  source: WireSource,
  extent: Extent,
  owner: string,
): Initializer {
  context.parts.take(1, extent.begin);
  const fields = scanTensor(context, source, extent);
  const label = fields.name || owner;
  const fail = (what: string, category: 'data' | 'limits' = 'data') =>
    context.corrupt(category, `tensor ${label}: ${what}`, {
      tensor: label,
      byteOffset: extent.begin,
    });
  const dtype = checkedDtype(context, fields, label);
  const count = elementCount(fields.dims, fail);
  const numbers = fields.external
    ? externalNumbers(context, fields, dtype, count, label, fail)
    : ownNumbers(context, fields, source, extent, dtype, count, fail);
  return makeInitializer(fields, dtype, count, numbers);
}

/** The tensor of an attribute; its numbers are read at the first access. */
export function lazyTensor(initializer: Initializer): Tensor {
  let data: Numbers | null = null;
  const { dtype, dims } = initializer;
  return {
    dtype,
    dims,
    get data() {
      data ??= initializer.read().data;
      return data;
    },
  };
}

function scanTensor(context: ParseContext, source: WireSource, extent: Extent): TensorFields {
  const out: TensorFields = {
    name: '',
    typeNumber: 0,
    dims: [],
    raw: null,
    typed: new Map(),
    strings: false,
    external: false,
    location: new Map(),
  };
  for (const item of scanFields(source, extent.begin, extent.end)) {
    scanTensorField(context, source, out, item);
  }
  return out;
}

function scanTensorField(
  context: ParseContext,
  source: WireSource,
  out: TensorFields,
  item: WireSpan,
): void {
  switch (item.field) {
    case 1:
      out.dims.push(...intsOf(context, source, item, MAX_RANK - out.dims.length));
      break;
    case 2:
      out.typeNumber = intOf(context, item);
      break;
    case 3:
      throw context.unsupported('tensors in segments', { byteOffset: item.offset });
    case 6:
      out.strings = true;
      break;
    case 8:
      out.name = textOf(context, source, item);
      break;
    case 9:
      out.raw = expectBytes(context, item);
      break;
    case 13:
      addLocation(context, source, item, out.location);
      break;
    case 14:
      out.external = expectVarint(context, item) === 1n;
      break;
    case TYPED_FIELDS.float:
    case TYPED_FIELDS.int32:
    case TYPED_FIELDS.int64:
    case TYPED_FIELDS.double:
    case TYPED_FIELDS.uint64:
      addEntries(context, source, item, out.typed);
  }
}

function addEntries(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  typed: Map<number, number>,
): void {
  const { field } = item;
  let count: number | null = 1;
  if (item.wire !== 'varint') count = countEntries(field, source.read(item.begin, item.end));
  const wanted =
    field === TYPED_FIELDS.float ? 'fixed32' : field === TYPED_FIELDS.double ? 'fixed64' : 'varint';
  if (count === null || (item.wire !== 'bytes' && item.wire !== wanted)) {
    throw context.corrupt('parse', `numbers of a tensor do not end where they should`, {
      byteOffset: item.offset,
    });
  }
  if (count > 0) typed.set(field, (typed.get(field) ?? 0) + count);
}

function addLocation(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  location: Map<string, string>,
): void {
  const { begin, end } = expectBytes(context, item);
  let key = '';
  let value = '';
  for (const part of scanFields(source, begin, end)) {
    if (part.field === 1) key = textOf(context, source, part);
    else if (part.field === 2) value = textOf(context, source, part);
  }
  if (location.size < 16) location.set(key, value);
}

function checkedDtype(context: ParseContext, fields: TensorFields, label: string): NumberDtype {
  const dtype = dtypeOf(fields.typeNumber);
  const place = { tensor: label };
  if (fields.typeNumber === 0) {
    throw context.corrupt('data', `tensor ${label}: has no element type`, place);
  }
  if (dtype === undefined || dtype === 'string' || fields.strings) {
    const what = dtype === 'string' ? 'strings' : `element type ${fields.typeNumber}`;
    throw context.unsupported(`tensor ${label}: ${what}`, place);
  }
  return dtype;
}

type Fail = (what: string, category?: 'data' | 'limits') => Error;

function elementCount(dims: readonly number[], fail: Fail): number {
  const shown = `dims [${dims.join(', ')}]`;
  if (dims.some((dim) => dim < 0)) throw fail(`${shown} has a negative dimension`);
  // Empty axes count as 1 here, so that they do not hide an absurd length of another axis.
  const bound = dims.reduce((product, dim) => product * Math.max(dim, 1), 1);
  if (bound > MAX_ELEMENTS) throw fail(`${shown} has more than 2^36 elements`, 'limits');
  return dims.reduce((product, dim) => product * dim, 1);
}

interface NumberReader {
  readonly view?: StoredView | undefined;
  readonly all: () => Numbers;
  readonly range: ((begin: number, end: number) => Numbers) | null;
}

function ownNumbers(
  context: ParseContext,
  fields: TensorFields,
  source: WireSource,
  extent: Extent,
  dtype: NumberDtype,
  count: number,
  fail: Fail,
): NumberReader {
  const shape = `dims [${fields.dims.join(', ')}] of ${dtype}`;
  const { raw, typed } = fields;
  if (raw !== null && typed.size > 0) throw fail('has raw and typed numbers');
  if (raw !== null) {
    const needed = rawBytes(dtype, count);
    const there = raw.end - raw.begin;
    if (there !== needed) throw fail(`${shape} needs ${needed} bytes of raw data, got ${there}`);
    const reader = rawReader(source, raw.begin, dtype, count);
    if (source !== context.file) return reader;
    return { ...reader, view: wholeView('', raw.begin, dtype, fields.dims) };
  }
  const entries = typedEntries(dtype, count);
  const there = typed.get(typedField(dtype)) ?? 0;
  if (there !== entries || typed.size > (entries > 0 ? 1 : 0)) {
    throw fail(`${shape} needs ${entries} numbers, got ${[...typed.values()].join(' + ') || 0}`);
  }
  return {
    all: () => decodeOrFail(() => decodeTyped(dtype, source, extent, count), fail),
    range: null,
  };
}

function decodeOrFail(decode: () => Numbers, fail: Fail): Numbers {
  try {
    return decode();
  } catch (error) {
    throw error instanceof EntryError ? fail(error.message) : error;
  }
}

function rawReader(
  source: WireSource,
  begin: number,
  dtype: NumberDtype,
  count: number,
): NumberReader {
  const range = (from: number, to: number) =>
    decodeRaw(
      dtype,
      source.read(begin + rawBytes(dtype, from), begin + rawBytes(dtype, to)),
      to - from,
    );
  const halves = dtype === 'int4' || dtype === 'uint4';
  return { all: () => range(0, count), range: halves ? null : range };
}

function externalNumbers(
  context: ParseContext,
  fields: TensorFields,
  dtype: NumberDtype,
  count: number,
  label: string,
  fail: Fail,
): NumberReader {
  if (fields.raw !== null || fields.typed.size > 0) throw fail('has numbers here and outside');
  const { location } = fields;
  const needed = rawBytes(dtype, count);
  const offset = decimal(location.get('offset') ?? '0', 'offset', fail);
  const length = decimal(location.get('length') ?? String(needed), 'length', fail);
  if (length !== needed) {
    const shape = `dims [${fields.dims.join(', ')}] of ${dtype}`;
    throw fail(`${shape} needs ${needed} bytes of external data, got ${length}`);
  }
  const file = context.externalFile(location.get('location') ?? '', label);
  if (offset + length > file.size) {
    throw fail(
      `external data at ${offset} of ${length} bytes is outside ${file.name} of ${file.size} bytes`,
    );
  }
  const view = wholeView(file.name, offset, dtype, fields.dims);
  return { ...rawReader(file, offset, dtype, count), view };
}

function decimal(text: string, what: string, fail: Fail): number {
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw fail(`external data has the ${what} ${JSON.stringify(text.slice(0, 40))}`);
  }
  return Number(text);
}

function makeInitializer(
  fields: TensorFields,
  dtype: NumberDtype,
  count: number,
  numbers: NumberReader,
): Initializer {
  const dims = fields.dims;
  let kept: Tensor | null = null;
  const read = () => {
    if (kept) return kept;
    const tensor: Tensor = { dtype, dims, data: numbers.all() };
    if (rawBytes(dtype, count) <= KEEP_BYTES) kept = tensor;
    return tensor;
  };
  const { range, view } = numbers;
  return { name: fields.name, dtype, dims, read, view, ...(range ? { readRange: range } : {}) };
}
