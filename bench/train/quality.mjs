// Quality after training: test scores of Sinter and of PyTorch with the same recipes, two seeds each.
//
//   node bench/train/quality.mjs [TASK...] [--peers-env VENV] [--seeds 1,2] [--data DIR] [--work DIR] [--out FILE]
//
// VENV is a Python environment with torch, transformers and peft; without it only Sinter trains. Scores are added to FILE as they come,
// and those that it has are not computed again.
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { accuracy, entityScores, spearman } from '../../dist/bundle/index.js';
import { choices, counts } from '../support/arguments.mjs';
import { describeMachine } from '../support/machine.mjs';
import { table, writeJson } from '../support/output.mjs';
import { TASKS } from './recipes.mjs';
import { DATA, modelFolder, trainHere, trainThere, writeRows } from './sides.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'peers-env': { type: 'string' },
    seeds: { type: 'string', default: '1,2' },
    data: { type: 'string', default: DATA },
    work: { type: 'string', default: join(tmpdir(), 'sinter-quality') },
    out: { type: 'string' },
  },
});
const seeds = counts('--seeds', values.seeds);
const known = Object.keys(TASKS);
const names = positionals.length === 0 ? known : choices('TASK', positionals.join(','), known);
const { work, out } = values;

/** The score of predictions, by the same metrics that Sinter evaluates itself with. */
function scoreOf(kind, test, predictions) {
  if (kind === 'similarity')
    return spearman(
      predictions,
      test.map(({ score }) => score),
    );
  if (kind === 'tokens')
    return entityScores(
      test.map(({ tags }) => tags),
      predictions,
    ).micro.f1;
  return accuracy(
    test.map(({ label }) => label),
    predictions,
  );
}

const found = out !== undefined && existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : {};
const results = found.results ?? {};

for (const name of names) {
  const task = TASKS[name];
  const rows = await writeRows(name, task, work, values.data);
  if (rows === null) {
    console.error(`${name} is left out: ${task.files.join(', ')} are not in ${values.data}`);
    continue;
  }
  const model = await modelFolder(task.model, work);
  results[name] ??= {};
  for (const side of ['sinter', 'torch']) {
    if (side === 'torch' && values['peers-env'] === undefined) continue;
    results[name][side] ??= {};
    for (const seed of seeds) {
      if (results[name][side][seed] !== undefined) continue;
      const request = { rows: rows.file, model, seed, options: task.recipe };
      const run = () =>
        side === 'sinter'
          ? trainHere({ ...request, test: true })
          : trainThere(values['peers-env'], { ...request, pooling: task.model.pooling });
      const { predictions, ...figures } = await run();
      const score = figures.score ?? scoreOf(rows.kind, rows.test, predictions);
      results[name][side][seed] = { ...figures, score: 100 * score };
      console.error(`${name}, ${side}, seed ${seed}: ${(100 * score).toFixed(2)}`);
      if (out !== undefined) writeJson(out, { machine: describeMachine(), results });
    }
  }
}

const scores = (bySeed = {}) =>
  Object.values(bySeed)
    .map(({ score }) => score.toFixed(2))
    .join(', ') || '-';
const lines = names
  .filter((name) => results[name] !== undefined)
  .map((name) => {
    const { epochs, learningRate } = TASKS[name].recipe;
    const recipe = `${TASKS[name].model.name}, ${epochs} epochs, ${learningRate}`;
    const { sinter, torch } = results[name];
    return [name, recipe, TASKS[name].score, scores(sinter), scores(torch)];
  });
console.log(table([['task', 'recipe', 'score x 100', 'Sinter', 'PyTorch'], ...lines]));
process.exit(0);
