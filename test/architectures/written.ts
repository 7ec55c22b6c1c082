/**
 * The config.json that an imported model would be saved with.
 */

import { configFromGraph } from '../../lib/architectures/index.js';
import type { JsonObject } from '../../lib/core/json.js';
import type { ImportedModel } from '../../lib/graph/checkpoint.js';

export function written(model: ImportedModel): JsonObject {
  return configFromGraph(model.graph, model.config, model);
}
