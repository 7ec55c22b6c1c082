/**
 * OperatorSetIdProto, and the check of versions.
 */

import { scanFields, type WireSource, type WireSpan } from '../../wire-reader.js';
import type { ParseContext } from './context.js';
import { checkLimit, expectBytes, intOf, textOf } from './fields.js';
import { plainDomain } from './graph.js';
import { MAX_IR_VERSION, MAX_OPSET, MIN_IR_VERSION, MIN_OPSET } from './limits.js';

/** Adds the OperatorSetIdProto at `item` to `opsets`. */
export function readOpset(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  opsets: Map<string, number>,
): void {
  const { begin, end } = expectBytes(context, item);
  checkLimit(context, item, opsets.size, 1000);
  let domain = '';
  let version = 0;
  for (const part of scanFields(source, begin, end)) {
    if (part.field === 1) domain = textOf(context, source, part);
    else if (part.field === 2) version = intOf(context, part);
  }
  opsets.set(plainDomain(domain), version);
}

/** Throws UNSUPPORTED_MODEL unless the versions of the format and of ONNX's operators are supported. */
export function checkVersions(
  context: ParseContext,
  irVersion: number,
  opsets: ReadonlyMap<string, number>,
): void {
  if (irVersion < MIN_IR_VERSION || irVersion > MAX_IR_VERSION) {
    throw context.unsupported(
      `ir_version must be ${MIN_IR_VERSION} to ${MAX_IR_VERSION}, got ${irVersion}`,
    );
  }
  const opset = opsets.get('');
  if (opset !== undefined && (opset < MIN_OPSET || opset > MAX_OPSET)) {
    throw context.unsupported(`opset must be ${MIN_OPSET} to ${MAX_OPSET}, got ${opset}`);
  }
}
