// The two sides of the training benches: a process of Sinter and one of PyTorch, which train the same rows.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../dist/bundle/index.js';
import { pythonOf } from '../support/python-peers.mjs';
import { rowsOf } from './recipes.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const MINILM = here('../../models/all-MiniLM-L6-v2');
const BGE = here('../../../shared/models/bge-small-zh-v1.5-q/model.onnx');
export const DATA = here('../../../shared/data');

/** The last line that a process prints, parsed. What it says to stderr is shown if it fails. */
function answerOf(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1)));
      else reject(new Error(`${command} ended with ${code}: ${errors.slice(-2000)}`));
    });
  });
}

/** The folder of a float model, which transformers loads too; the Chinese one is made from its int8 ONNX file in `work`. */
export async function modelFolder({ name }, work) {
  if (name === 'MiniLM') return MINILM;
  const folder = join(work, name);
  if (existsSync(join(folder, 'config.json'))) return folder;
  const encoder = await Encoder.load(BGE, { pooling: 'cls', normalize: true, widen: true });
  await encoder.save(folder);
  await encoder.dispose();
  return folder;
}

/** Writes the rows of a task where both sides read them; null where its data is missing. */
export async function writeRows(name, task, work, data = DATA) {
  const rows = await rowsOf(task, data);
  if (rows === null) return null;
  const { train } = rows;
  const found = train.flatMap(({ label, tags }) => tags ?? (label === undefined ? [] : [label]));
  const content = { kind: task.kind, labels: [...new Set(found)].sort(), ...rows };
  return { file: writeContent(name, content, work), ...content };
}

/** Writes { kind, labels, train, test } into a file for both sides, and returns its path. */
export function writeContent(name, content, work) {
  const file = join(work, `${name}.json`);
  mkdirSync(work, { recursive: true });
  writeFileSync(file, JSON.stringify(content));
  return file;
}

/** Trains with Sinter { rows, model, seed, options, test }, on all CPUs: { score, seconds, tokensPerSecond, peakMB }. */
export function trainHere(request) {
  return answerOf(process.execPath, [here('child.mjs'), JSON.stringify(request)]);
}

/** Trains with PyTorch (and `peft` for low-rank adapters), on as many threads: { predictions, seconds, tokensPerSecond, peakMB, torch }. */
export function trainThere(venv, { rows, model, seed, options, group, pooling }) {
  const { epochs, maxSteps, learningRate, maxTokens, batchSize = 32 } = options;
  const args = [here('../peers/train.py'), '--model', model, '--rows', rows, '--seed', seed];
  args.push(...(maxSteps === undefined ? ['--epochs', epochs] : ['--steps', maxSteps]));
  args.push('--lr', learningRate, '--max-tokens', maxTokens, '--batch', batchSize);
  args.push('--threads', availableParallelism(), ...(group ? ['--group'] : []));
  if (pooling !== undefined) args.push('--pooling', pooling);
  if (options.method === 'lora') args.push('--lora', options.lora?.r ?? 8);
  return answerOf(pythonOf(venv), args.map(String));
}
