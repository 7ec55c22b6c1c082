/**
 * The options of `sinter evaluate`.
 */
import type { DataOptions, ModelOptions } from './arguments.js';
import type { CommonOptions } from './context.js';
import type { HeadTask } from './head-tasks.js';

export interface EvaluateOptions extends CommonOptions, DataOptions, ModelOptions {
  readonly model?: string;
  readonly data: string;
  readonly scoreColumn?: string;
  readonly confusions: number;
  readonly minScore?: number;
  readonly predictions?: string;
  readonly windows?: 'mean' | 'max';
  readonly escapeFormulas?: boolean;
  readonly threads?: number;
  readonly task?: HeadTask | 'classification';
  readonly report?: string;
}
