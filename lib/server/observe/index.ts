/**
 * Baselines and audit logs as users of the library meet them.
 *
 * The rule: their modules are loaded by the first call, so that who observes nothing pays nothing.
 */
import type { TextModel } from '../../models/text-model.js';
import type { AuditVerification, Baseline, VerifyOptions } from '../../monitor/index.js';
import type { BaselineOptions, BaselineRow } from './make-baseline.js';

export type { BaselineOptions, BaselineRow } from './make-baseline.js';

/**
 * Counts what the rows are like: lengths, tokens, unknown tokens and scripts; for an `Encoder` where their vectors lie; for a
 * `Classifier` the labels that it gives and their probabilities, or its numbers. A thousand rows or more make verdicts possible soon.
 * Throws TypeError naming rows[i], INVALID_DATA without rows.
 */
export async function makeBaseline(
  model: TextModel,
  rows: Iterable<BaselineRow> | AsyncIterable<BaselineRow>,
  options: BaselineOptions = {},
): Promise<Baseline> {
  const { baselineOf } = await import('./make-baseline.js');
  return baselineOf(model, rows, options);
}

/** Writes a baseline; a file that is there is replaced. */
export async function saveBaseline(baseline: Baseline, path: string): Promise<void> {
  const { writeBaseline } = await import('../../monitor/drift/baseline-file.js');
  return writeBaseline(baseline, path);
}

/** Reads a baseline. Throws INVALID_DATA for a file that is none, FILE_SYSTEM where it cannot be read. */
export async function loadBaseline(path: string): Promise<Baseline> {
  const { readBaselineFile } = await import('../../monitor/drift/baseline-file.js');
  return readBaselineFile(path);
}

/** Verifies files, in the order of the log, or a folder of them. FILE_SYSTEM where one cannot be read. */
export async function verifyAudit(
  paths: readonly string[],
  options: VerifyOptions = {},
): Promise<AuditVerification> {
  const { verifyFiles } = await import('../../monitor/audit/verify.js');
  return verifyFiles(paths, options);
}
