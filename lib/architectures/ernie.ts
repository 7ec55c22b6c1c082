/**
 * ERNIE as transformers has it (nghuyong/ernie-3.0-base-zh and others): BERT with one more table, of tasks, whose row 0 is added
 * to every token where `use_task_id` is set. transformers passes task 0 unless a caller gives `task_type_ids`.
 */

import { bertKeys, bertPlan, predictionsHead, readBertSizes, tokenHeads } from './bert-like.js';
import type { ConfigReader } from './config-reader.js';
import type { Family } from './family.js';

export const ERNIE: Family = {
  modelType: 'ernie',
  className: 'Ernie',
  prefix: 'ernie.',
  read: (reader) => {
    const sizes = { ...readBertSizes(reader), tasks: readTasks(reader) };
    const dropout = sizes.classifierDropout;
    return bertPlan(sizes, {
      ...tokenHeads(dropout),
      classification: { rows: 'pooler', dropout, output: 'classifier' },
      'masked-lm': predictionsHead(sizes, sizes.hidden),
    });
  },
  keys: (structure, base) => {
    const tasks = structure.table('row');
    return {
      ...bertKeys(structure, base),
      use_task_id: tasks !== null,
      ...(tasks !== null && { task_type_vocab_size: tasks.rows }),
    };
  },
};

/** Rows of the table of tasks; 0 for a model without it. */
function readTasks(reader: ConfigReader): number {
  return reader.flag('use_task_id', false) ? reader.whole('task_type_vocab_size', 3, 1) : 0;
}
