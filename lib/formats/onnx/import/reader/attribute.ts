/**
 * AttributeProto: a number, text, list, tensor, graph, or a reference to an attribute of the calling node.
 *
 * Integers and floats both become numbers: each operator knows which of the two it reads.
 */

import { scanFields, type WireSource, type WireSpan } from '../../wire-reader.js';
import type { Attribute, OnnxGraph } from '../model.js';
import type { ParseContext } from './context.js';
import {
  checkLimit,
  expectBytes,
  expectVarint,
  floatsOf,
  intOf,
  intsOf,
  textOf,
} from './fields.js';
import { MAX_LIST, MAX_NESTING } from './limits.js';
import { lazyTensor, readTensor } from './tensor.js';

/** Reads a graph inside a node. It is passed in to avoid a cycle of imports: graphs hold nodes, nodes hold attributes. */
export type GraphReader = (
  context: ParseContext,
  source: WireSource,
  extent: { readonly begin: number; readonly end: number },
  nesting: number,
) => OnnxGraph;

interface Parsed {
  name: string;
  /** Value of AttributeProto.AttributeType; 0 where an old file leaves it out. */
  type: number;
  ref: string;
  int: number;
  float: number;
  text: string;
  single: Attribute | null;
  readonly ints: number[];
  readonly floats: number[];
  readonly strings: string[];
  /** Type that follows from the field that is present. */
  implied: number;
}

/** Values of AttributeProto.AttributeType that the reader supports. */
const INT = 2;
const FLOAT = 1;
const STRING = 3;
const TENSOR = 4;
const GRAPH = 5;
const FLOATS = 6;
const INTS = 7;
const STRINGS = 8;

/** Reads the attribute at `item`. `owner` names its node in messages. */
export function readAttribute(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  owner: string,
  nesting: number,
  readGraph: GraphReader,
): readonly [string, Attribute] {
  const extent = expectBytes(context, item);
  context.parts.take(1, item.offset);
  const out: Parsed = {
    name: '',
    type: 0,
    ref: '',
    int: 0,
    float: 0,
    text: '',
    single: null,
    ints: [],
    floats: [],
    strings: [],
    implied: 0,
  };
  for (const field of scanFields(source, extent.begin, extent.end)) {
    scanField(context, source, out, field, owner, nesting, readGraph);
  }
  return [out.name, attributeValue(context, out, owner, item.offset)];
}

function scanField(
  context: ParseContext,
  source: WireSource,
  out: Parsed,
  item: WireSpan,
  owner: string,
  nesting: number,
  readGraph: GraphReader,
): void {
  switch (item.field) {
    case 1:
      out.name = textOf(context, source, item);
      return;
    case 20:
      out.type = Number(expectVarint(context, item));
      return;
    case 21:
      out.ref = textOf(context, source, item);
      return;
    case 5: {
      const tensor = readTensor(context, source, expectBytes(context, item), `of ${owner}`);
      out.single = lazyTensor(tensor);
      out.implied = TENSOR;
      return;
    }
    case 6:
      if (nesting >= MAX_NESTING) {
        throw context.corrupt('limits', `graphs nested deeper than ${MAX_NESTING} in ${owner}`, {
          node: owner,
          byteOffset: item.offset,
        });
      }
      out.single = readGraph(context, source, expectBytes(context, item), nesting + 1);
      out.implied = GRAPH;
      return;
    default:
      scanPlain(context, source, out, item);
  }
}

function scanPlain(context: ParseContext, source: WireSource, out: Parsed, item: WireSpan): void {
  const room = MAX_LIST - out.ints.length - out.floats.length - out.strings.length;
  switch (item.field) {
    case 2:
      if (item.wire !== 'fixed32') expectBytes(context, item);
      out.float = floatsOf(context, source, item)[0] ?? 0;
      out.implied = FLOAT;
      return;
    case 3:
      out.int = intOf(context, item);
      out.implied = INT;
      return;
    case 4:
      out.text = textOf(context, source, item);
      out.implied = STRING;
      return;
    case 7:
      for (const value of floatsOf(context, source, item, room)) out.floats.push(value);
      out.implied = FLOATS;
      return;
    case 8:
      for (const value of intsOf(context, source, item, room)) out.ints.push(value);
      out.implied = INTS;
      return;
    case 9:
      checkLimit(context, item, 1, room);
      out.strings.push(textOf(context, source, item));
      out.implied = STRINGS;
      return;
  }
}

function attributeValue(
  context: ParseContext,
  out: Parsed,
  owner: string,
  byteOffset: number,
): Attribute {
  const place = { node: owner, byteOffset };
  if (out.name === '')
    throw context.corrupt('parse', `${owner} has an attribute without a name`, place);
  if (out.ref !== '') return { ref: out.ref };
  const type = out.type || out.implied;
  switch (type) {
    case FLOAT:
      return out.float;
    case INT:
      return out.int;
    case STRING:
      return out.text;
    case FLOATS:
      return out.floats;
    case INTS:
      return out.ints;
    case STRINGS:
      return out.strings;
    case TENSOR:
    case GRAPH:
      if (out.single === null || out.implied !== type) {
        throw context.corrupt('parse', `attribute ${out.name} of ${owner} has no value`, place);
      }
      return out.single;
    default:
      throw context.unsupported(`attribute ${out.name} of ${owner} has type ${type}`, place);
  }
}
