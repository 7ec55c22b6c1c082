/**
 * Imports a checkpoint of any family as a graph: reads the config, chooses the head, and finds every weight.
 *
 * It reads no files; the caller validates the graph.
 */

import type { Steps } from '../core/turns.js';
import type { Checkpoint, GraphRequest, ImportedModel } from '../graph/checkpoint.js';
import { lengthLimit } from '../graph/length-limit.js';
import type { HeadPlan } from '../graph/rewrite/head.js';
import { sentenceHead } from '../graph/sentence.js';
import { assemble } from './assemble.js';
import { ConfigReader } from './config-reader.js';
import type { EncoderPlan, Family } from './family.js';
import { findHead, namingOf, storedPrefix } from './head-weights.js';
import { chooseHead, withProblem } from './labels.js';
import { leftovers } from './leftovers.js';
import { labelNotes } from './stored-labels.js';
import { findWeights } from './weight-sources.js';
import { plainNames } from './wrapped-names.js';

/** Builds the graph for `request`. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL naming file and key. */
export function* importModel(
  family: Family,
  checkpoint: Checkpoint,
  request: GraphRequest,
): Steps<ImportedModel> {
  const { config, path } = checkpoint;
  const reader = new ConfigReader(config, path);
  const { tensors, stored: nameInFile, notes } = plainNames(checkpoint, family.prefix);
  const plain = { ...checkpoint, tensors };
  yield;
  const plan = family.read(reader, (tensor) => tensors.has(tensor));
  const head = headOf(family, plan, reader, request);
  const { task } = request;
  const own = task === 'embedding' ? NO_HEAD : findHead(plain, plan, task);
  const chosen = chooseHead(plain, reader, request, own);
  const stored = storedPrefix(plain, family, plan);
  yield;
  const sentence = task === 'embedding' ? sentenceHead(checkpoint.sentence, request) : null;
  const graph = assemble(family, plan, {
    task,
    labels: chosen.labels?.length ?? 0,
    pooler: plan.pooler !== null && tensors.has(`${stored}${plan.pooler}.weight`),
    sentence,
    maxTokens: lengthLimit(plan.positions, checkpoint, request),
  });
  yield;
  const modules = (sentence?.modules ?? []).flatMap((m) => (m.kind === 'normalize' ? [] : m.name));
  const naming = namingOf(
    family,
    plan,
    head,
    { ...chosen, replaced: own.rows !== null },
    stored,
    modules,
  );
  const { sources, created } = findWeights(plain, graph.weights, naming);
  yield;
  const unused = leftovers(plain, new Set(sources.values()));
  const { state: _, ...made } = chosen;
  const base = withProblem(config, chosen.state, chosen.problem, request);
  return {
    graph,
    created,
    sources: new Map([...sources].map(([name, tensor]) => [name, nameInFile(tensor)])),
    unused: unused.map(nameInFile),
    notes: made.labels === null ? notes : [...notes, ...labelNotes(config)],
    config: base,
    plans: { ...plan, prefix: family.prefix },
    ...made,
  };
}

const NO_HEAD = { rows: null, missing: null, other: null } as const;

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
