/**
 * Reads an ONNX file, checks and sorts its graph, and leaves the numbers on disk.
 *
 * The file is hostile. The result is a complete graph: every value is made once, before it is read; every tensor has as many
 * numbers as its shape says; external data lies in the model's folder. Operators are not checked here.
 */

import { SinterError } from '../../../core/errors.js';
import { scanFields } from '../wire-reader.js';
import type { OnnxFunction, OnnxGraph, OnnxModel } from './model.js';
import { ParseContext } from './reader/context.js';
import { checkLimit, expectBytes, intOf, textOf } from './reader/fields.js';
import { checkFunctions, readFunction } from './reader/functions.js';
import { checkedGraph, readGraph } from './reader/graph.js';
import { MAX_LIST } from './reader/limits.js';
import { checkVersions, readOpset } from './reader/opset.js';
import { corruptOnnx } from './reader/problem.js';

/**
 * Reads `path`. Throws CORRUPT_MODEL (details: file, category, and byteOffset, tensor or node) when the file or its external
 * data is damaged, UNSUPPORTED_MODEL for unsupported versions and element types.
 */
export async function readOnnxModel(path: string): Promise<OnnxModel> {
  const context = new ParseContext(path);
  try {
    return readModel(context);
  } catch (error) {
    throw located(error, path);
  } finally {
    context.file.close();
  }
}

/** Adds the file to an error of the wire reader, which knows only byte offsets. */
function located(error: unknown, path: string): unknown {
  if (!(error instanceof SinterError) || error.details.file !== undefined) return error;
  const { byteOffset } = error.details;
  const place = typeof byteOffset === 'number' ? { byteOffset } : {};
  return corruptOnnx(path, 'parse', `not a complete ONNX model: ${error.message}`, place, error);
}

function readModel(context: ParseContext): OnnxModel {
  const { file } = context;
  let irVersion = 0;
  const producer = ['', ''];
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let graph: OnnxGraph | null = null;
  const functions: OnnxFunction[] = [];
  for (const item of scanFields(file, 0, file.size)) {
    if (item.field === 1) irVersion = intOf(context, item);
    else if (item.field === 2) producer[0] = textOf(context, file, item);
    else if (item.field === 3) producer[1] = textOf(context, file, item);
    else if (item.field === 7) {
      if (graph) throw context.corrupt('parse', 'two graphs', { byteOffset: item.offset });
      graph = readGraph(context, file, expectBytes(context, item), 0);
    } else if (item.field === 8) readOpset(context, file, item, opsets);
    else if (item.field === 14) {
      checkLimit(context, item, metadata.size, MAX_LIST);
      const [key, value] = readPair(context, expectBytes(context, item));
      metadata.set(key, value);
    } else if (item.field === 25) functions.push(readFunction(context, file, item));
  }
  if (file.size === 0) throw context.corrupt('parse', 'the file is empty');
  if (graph === null) throw context.corrupt('graph', 'a model without a graph');
  checkVersions(context, irVersion, opsets);
  const sorted = checkedGraph(context, graph);
  checkFunctions(context, functions, sorted);
  return {
    path: file.path,
    irVersion,
    producer: producer.join(' ').trim(),
    opsets,
    graph: sorted,
    functions,
    metadata,
    bytes: context.files.reduce((sum, { size }) => sum + size, 0),
    files: context.files,
  };
}

function readPair(
  context: ParseContext,
  extent: { readonly begin: number; readonly end: number },
): readonly [string, string] {
  let key = '';
  let value = '';
  for (const item of scanFields(context.file, extent.begin, extent.end)) {
    if (item.field === 1) key = textOf(context, context.file, item);
    else if (item.field === 2) value = textOf(context, context.file, item);
  }
  return [key, value];
}
