/** Whether a compression reached what was wanted. A model that missed it does not pass, whatever its quality is. */

import type { GateVerdict } from '../../compress/gate.js';
import { formatBytes, formatNumber } from '../../core/units.js';
import { bytesOf } from './candidates.js';
import type { Compressed } from './compress.js';
import type { CompressTarget } from './options.js';

/** A measured speed may be so much below a target that its shape was predicted to reach: measurements vary. */
const SLACK = 0.9;
/** The bytes of a shape are predicted from those of its units, and a few products may stay f32: so much more is only a warning. */
const BYTES_SLACK = 1.05;

type Found = Pick<Compressed, 'verdict' | 'visits' | 'parts' | 'speeds'>;

/** The verdict with a failure or a warning for a target that was missed. */
export function withTarget(found: Found, target: CompressTarget): GateVerdict {
  const { verdict, visits } = found;
  const failures: string[] = [];
  const warnings: string[] = [];
  const { bytes = Number.POSITIVE_INFINITY } = target;
  const own = bytesOf(found.parts.graph);
  if (own > bytes) (own > BYTES_SLACK * bytes ? failures : warnings).push(bytesMissed(own, bytes));
  const slow = slowness(found, target);
  // Where a shape was predicted to reach it, the measurement is a second opinion.
  if (slow !== null) (visits.length === 0 ? failures : warnings).push(slow);
  if (failures.length === 0 && warnings.length === 0) return verdict;
  return {
    ...verdict,
    passes: verdict.passes && failures.length === 0,
    reason: [...failures, verdict.reason].join('; '),
    warnings: [...verdict.warnings, ...warnings],
  };
}

function bytesMissed(own: number, bytes: number): string {
  return `the target of ${formatNumber(bytes)} bytes was not reached: the model has ${formatNumber(own)} (${formatBytes(own)})`;
}

/** What was too slow, in words; null where nothing was. */
function slowness({ visits, speeds }: Found, target: CompressTarget): string | null {
  const { speedup, latencyMs } = target;
  const [before, after] = speeds;
  const gain = (after?.tokensPerSecond ?? 0) / (before?.tokensPerSecond ?? 1);
  if (speedup !== undefined && gain < SLACK * speedup)
    return `the target of ${speedup} times the speed was not reached: it is ${gain.toFixed(2)} times`;
  if (latencyMs !== undefined && visits.length === 0)
    return `the target of ${latencyMs} ms was not reached: no form that was tried is predicted to`;
  return null;
}
