/**
 * The evidence of a compression: the data of its page, its JSON form, and the record that the smaller model carries.
 *
 * The rule: everything is plain data that was measured or decided in the run; nothing is computed again from the model.
 */

import type { GateVerdict } from '../../compress/gate.js';
import { formatBytes } from '../../core/units.js';
import { saveFile } from '../../files/index.js';
import type { Compressed } from './compress.js';
import type { CompressionCase, CompressionEvidence } from './evidence.js';
import { reportData } from './report-data.js';

/** The report of a compression. */
export class CompressionReport {
  readonly data: CompressionEvidence;

  /** @internal */
  constructor(data: CompressionEvidence) {
    this.data = data;
  }

  /** @internal */
  static async of(found: Compressed, about: CompressionCase): Promise<CompressionReport> {
    return new CompressionReport(await reportData(found, about));
  }

  /** Whether the smaller model keeps its quality, on rows that were used for no choice. */
  get verdict(): GateVerdict {
    return this.data.verdict;
  }

  /** The result in a sentence. */
  get summary(): string {
    const { variants, verdict } = this.data;
    const [before, after] = (['original', 'chosen'] as const).map((role) =>
      variants.find((variant) => variant.role === role),
    );
    const gain = (after?.tokensPerSecond ?? 0) / (before?.tokensPerSecond ?? 1);
    const score = ({ score }: { readonly score: number }) => score.toFixed(4);
    return (
      `${gain.toFixed(1)} times as fast, ${formatBytes(before?.bytes ?? 0)} -> ${formatBytes(after?.bytes ?? 0)}, ` +
      `${verdict.metric} ${score(verdict.original)} -> ${score(verdict.candidate)} on ${verdict.rows} rows`
    );
  }

  /** Writes the page (.html) or the data (.json), by the ending of `path`, in place of a file that is there. */
  async save(path: string): Promise<void> {
    if (path.endsWith('.json')) return saveFile(path, `${JSON.stringify(this.data, null, 1)}\n`);
    const { renderCompressionReport } = await import('../../report/index.js');
    await saveFile(path, renderCompressionReport(this.data));
  }
}
