// The f32 models of the accuracy study: the encoder itself, and a classifier per task that is trained once and kept.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Classifier, collectLabels, Encoder } from '../../dist/index.js';

/** The f32 model of a task; a classifier is trained the first time and kept in `work`. */
export async function modelOf(task, { model, work, note, quick }) {
  if (task.kind === 'similarity') return Encoder.load(model);
  const folder = join(work, `${task.name}${quick ? '-quick' : ''}`);
  if (!existsSync(join(folder, 'config.json'))) await train(task, model, folder, note);
  return Classifier.load(folder);
}

async function train(task, model, folder, note) {
  const encoder = await Encoder.load(model);
  const classifier = await encoder.classifier({ labels: collectLabels(task.train), seed: 42 });
  note(`training ${task.name} on ${task.train.length} rows`);
  const report = await classifier.train(task.train, {
    ...task.training,
    onEpoch: ({ epoch, totalEpochs }) => note(`${task.name}: epoch ${epoch} of ${totalEpochs}`),
  });
  note(
    `${task.name}: ${report.seconds.toFixed(0)} s, ${Math.round(report.tokensPerSecond)} tokens/s`,
  );
  await classifier.save(folder);
  await classifier.dispose();
  await encoder.dispose();
}
