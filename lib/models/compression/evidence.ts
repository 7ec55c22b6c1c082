/** What a report of a compression is about, and what it holds. */

import type { JsonObject } from '../../core/json.js';
import type { CompressionReportData } from '../../report/compression-types.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { CompressSettings } from './options.js';
import type { SplitParts } from './split.js';
import type { Subject } from './subject.js';

/** What the page and the JSON form of a report are made from. */
export interface CompressionEvidence extends CompressionReportData {
  /** The latency table; `latency` of another run takes it. null where none was measured. */
  readonly latency: JsonObject | null;
  /** Whether something was left out because the time was over: then this is the best that was found until then. */
  readonly isCutShort: boolean;
  /** What was wanted, with all defaults. */
  readonly settings: JsonObject;
}

/** What a report tells about. */
export interface CompressionCase {
  readonly given: ModelParts;
  readonly source: ModelParts;
  readonly split: SplitParts;
  readonly settings: CompressSettings;
  readonly subject: Subject;
}
