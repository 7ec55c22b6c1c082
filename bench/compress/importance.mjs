// The time of measuring the importance of all heads and neurons of the embedded encoder: with labels (a new head of two
// classes), with labels drawn from its prediction, and with random projections of the vectors.
//
//   node bench/compress/importance.mjs [--rows 1000] [--texts FILE]   a text per line; default: data/banking77/test.csv
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gradientImportance } from '../../dist/compress/importance.js';
import { Encoder } from '../../dist/index.js';
import { insideOf } from '../../dist/models/text-model.js';
import { count } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000' }, texts: { type: 'string' } },
});
const rows = count('--rows', values.rows);
const file = values.texts ?? new URL('../../data/banking77/test.csv', import.meta.url);
const lines = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '');
const texts = lines.slice(1, 1 + rows);

const encoder = await Encoder.load();
const classifier = await encoder.classifier({ labels: ['a', 'b'] });
const labelled = (begin, end) => ({
  kind: 'cross_entropy',
  output: 'logits',
  weight: 1,
  targets: Int32Array.from({ length: end - begin }, (_, i) => (begin + i) % 2),
});
const cases = [
  ['labels', classifier, 'logits', { kind: 'labels', term: labelled }],
  ['drawn labels', classifier, 'logits', { kind: 'drawn', loss: 'cross_entropy', seed: 1 }],
  ['projection', encoder, 'embedding', { kind: 'projections', count: 1, seed: 1 }],
];
const { cpu, cpus } = describeMachine();
console.log(`${cpu}, ${cpus} CPUs, load ${load()}`);
for (const [name, model, output, loss] of cases) {
  const { parts, use } = insideOf(model);
  const { ids, offsets } = await parts.tokenizer.encode(texts, { maxTokens: 256, truncate: true });
  const batch = { ids, offsets, segments: null };
  const begin = performance.now();
  const cpuBefore = process.cpuUsage();
  await use('bench', (program) =>
    gradientImportance(parts.graph, program, { batch, output, loss }, { where: 'bench' }),
  );
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const busy = ((user + system) / 1e6).toFixed(1);
  const size = `${texts.length} rows, ${ids.length} tokens`;
  console.log(`${name}: ${seconds.toFixed(1)} s, ${busy} s of CPU, for ${size}`);
}
await classifier.dispose();
await encoder.dispose();
