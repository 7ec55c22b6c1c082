/**
 * sinter.json: the graph of a model that no family's config.json can describe.
 *
 * A model folder has a config.json or a sinter.json, never both, because two files about one model could disagree. In memory
 * both are one config object, whose `model_type` tells which file it is from.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';

export const SINTER_FILE = 'sinter.json';
/** model_type of a config that contains its graph. */
export const GRAPH_TYPE = 'sinter_graph';
/** Key of the object that holds the graph, its task and its labels. */
export const GRAPH_KEY = 'sinter_graph';

/** Whether the config contains its graph. */
export function carriesGraph(config: JsonObject): boolean {
  return config.model_type === GRAPH_TYPE && config[GRAPH_KEY] !== undefined;
}

/**
 * The config beside ONNX files, which hold the graph themselves. Their readers choose a class by `model_type` and refuse one that
 * they do not know: for a graph of no family, and for ERNIE, it is BERT's, which feeds a file the inputs that it asks for.
 */
export function configForOnnx(config: JsonObject): JsonObject {
  const { [GRAPH_KEY]: _, ...rest } = config;
  if (rest.model_type === 'ernie') {
    const names = Array.isArray(rest.architectures) ? rest.architectures : [];
    const architectures = names.map((name) => String(name).replace(/^Ernie/, 'Bert'));
    return { ...rest, model_type: 'bert', architectures };
  }
  if (rest.model_type !== GRAPH_TYPE) return rest;
  const { architectures: _a, ...settings } = rest;
  return { ...settings, model_type: 'bert' };
}

/** The content of sinter.json for a config that contains its graph. */
export function toSinterFile(config: JsonObject): JsonObject {
  const { model_type: _, architectures: _a, [GRAPH_KEY]: graph, ...settings } = config;
  return { format: 1, model: graph ?? null, settings };
}

/**
 * The config from the content of a sinter.json. Throws CORRUPT_MODEL if the content is not valid; the graph is checked when
 * it is used.
 */
export function fromSinterFile(file: JsonObject, where: string): JsonObject {
  const { format, model, settings = {}, ...more } = file;
  const fail = (what: string) =>
    new SinterError('CORRUPT_MODEL', `${where}: ${what}`, { details: { file: where } });
  if (format !== 1) throw fail(`format must be 1, got ${show(format)}`);
  if (model === undefined || !isJsonObject(model)) throw fail('model must be an object');
  if (!isJsonObject(settings)) throw fail('settings must be an object');
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) throw fail(`unknown key ${show(unknown)}`);
  return { ...settings, model_type: GRAPH_TYPE, [GRAPH_KEY]: model };
}
