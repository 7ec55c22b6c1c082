/** The headers of W3C Trace Context. The rule: a header that is not exactly of the form counts as none, as the recommendation wants. */

/** Which span of a caller a request belongs to. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** Reads `traceparent`; null for a header that is not valid. Versions after 00 may have more parts, which are ignored. */
export function parseTraceParent(header: unknown): TraceParent | null {
  if (typeof header !== 'string') return null;
  const [, version = '', traceId = '', spanId = '', flags = '', more] = PARENT.exec(header) ?? [];
  const isZero = /^0*$/.test(traceId) || /^0*$/.test(spanId);
  if (isZero || version === 'ff' || (version === '00' && more !== undefined)) return null;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED };
}
