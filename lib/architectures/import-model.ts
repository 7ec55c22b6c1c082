/**
 * A checkpoint of any family as a graph: what the config says, which head is meant, and where every weight is.
 *
 * It reads no files; what it makes is checked by the caller.
 */

import type { JsonObject } from '../core/json.js';
import type { Checkpoint, GraphRequest, ImportedModel } from '../graph/checkpoint.js';
import { sentenceHead } from '../graph/sentence.js';
import { assemble } from './assemble.js';
import { ConfigReader } from './config-reader.js';
import type { EncoderPlan, Family, HeadPlan } from './family.js';
import { namingOf, storedPrefix, tellingTensor, trainedRows } from './head-weights.js';
import { type ChosenHead, chooseHead } from './labels.js';
import { lengthLimit } from './length-limit.js';
import { findWeights } from './weight-sources.js';
import { writeConfig } from './write-config.js';

/**
 * Builds the graph that `request` asks for. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL naming file
 * and key.
 */
export function importModel(
  family: Family,
  checkpoint: Checkpoint,
  request: GraphRequest,
): ImportedModel {
  const { tensors, config, path } = checkpoint;
  const reader = new ConfigReader(config, path);
  const plan = family.read(reader, (tensor) => tensors.has(tensor));
  const head = headOf(family, plan, reader, request);
  const { task } = request;
  const rows =
    head === null ? null : trainedRows(checkpoint, family, task, tellingTensor(plan, head, task));
  const chosen = chooseHead(checkpoint, reader, request, rows);
  const stored = storedPrefix(checkpoint, family, plan);
  const sentence = task === 'embedding' ? sentenceHead(checkpoint.sentence, request) : null;
  const graph = assemble(family, plan, {
    task,
    labels: chosen.labels?.length ?? 0,
    pooler: plan.pooler !== null && tensors.has(`${stored}${plan.pooler}.weight`),
    sentence,
    maxTokens: lengthLimit(plan.positions, checkpoint, request),
  });
  const modules = (sentence?.modules ?? []).flatMap((m) => (m.kind === 'normalize' ? [] : m.name));
  const naming = namingOf(family, plan, head, chosen.state, stored, modules);
  const found = findWeights(checkpoint, graph.weights, naming);
  const { state: _, ...made } = chosen;
  const base = withProblem(config, chosen);
  return { graph, ...found, config: writeConfig(family, graph, base, made), ...made };
}

function headOf(
  family: Family,
  plan: EncoderPlan,
  reader: ConfigReader,
  { task }: GraphRequest,
): HeadPlan | null {
  if (task === 'embedding') return null;
  const head = plan.heads[task];
  if (head !== undefined) return head;
  throw reader.unsupported(`task ${task} for model_type ${family.modelType}`);
}

/** A new head says what it is for; it does not inherit what the old one was for. */
function withProblem(config: JsonObject, { state, problem }: ChosenHead): JsonObject {
  if (state !== 'new') return config;
  const { problem_type: _, ...rest } = config;
  return problem === null ? rest : { ...rest, problem_type: problem };
}
