/** `sinter train --config`: the file says flags, flags count more, and mistakes name the line. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { labelledCsv, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
let rows = '';
beforeAll(async () => {
  rows = await scratch.file('rows.csv', labelledCsv(16));
});

/** Runs `train` with a configuration of these lines, which follow the model and the rows. */
async function train(lines: string, ...flags: string[]) {
  const text = `model: ${TINY}\ntrain: ${rows}\nnewHead: true\n${lines}`;
  await writeFile(scratch.path('train.yaml'), text);
  return sinter(['train', '--config', scratch.path('train.yaml'), ...flags]);
}

const settingsOf = async (out: string) =>
  JSON.parse(await readFile(join(scratch.path(out), 'training.json'), 'utf8')).settings;

describe('sinter train --config', () => {
  it('trains as the same flags do, bit for bit', async () => {
    const flags = `--model ${TINY} --train ${rows} --new-head --hold-out 0.25 --epochs 2 --batch-size 8 --schedule cosine
      --warmup 0.2 --label-smoothing 0.1 --freeze embeddings --beta2 0.98 --metric-for-best-model macroF1
      --load-best-model-at-end`;
    const out = scratch.path('by-flags');
    const { code } = await sinter(['train', ...flags.split(/\s+/), '--out', out]);
    expect(code).toBe(0);
    const lines = `out: ${scratch.path('by-file')}
holdOut: 0.25
num_train_epochs: 2
per_device_train_batch_size: 8
lr_scheduler_type: cosine
warmup_ratio: 0.2
label_smoothing_factor: 0.1
freeze: [embeddings]
adam_beta2: 0.98
eval_strategy: epoch
metric_for_best_model: eval_macroF1
load_best_model_at_end: true
dataloader_num_workers: 2
logging_steps: 50
`;
    const run = await train(lines);
    expect([run.code, run.stderr]).toEqual([0, expect.stringContaining('epoch 2/2')]);
    expect(await settingsOf('by-file')).toEqual(await settingsOf('by-flags'));
    const weights = ['by-file', 'by-flags'].map((name) =>
      readFile(join(scratch.path(name), 'model.safetensors')),
    );
    const [ofFile, ofFlags] = await Promise.all(weights);
    expect(ofFile).toEqual(ofFlags);
  });

  it('is overridden by flags, before and after it', async () => {
    const lines =
      'out: unused\nmaxSteps: 9\neval: missing.csv\nseed: 3\nlora: { r: 2 }\nmethod: lora';
    const out = scratch.path('flags-win');
    const flags = ['--out', out, '--max-steps', '2', '--hold-out', '0.25', '--lora-alpha', '4'];
    expect((await train(lines, ...flags)).code).toBe(0);
    expect(await settingsOf('flags-win')).toMatchObject({ maxSteps: 2, seed: 3, method: 'lora' });
  });

  it.each([
    ['epochz: 3', 3, 'train.yaml:4: unknown key "epochz"; did you mean epochs?'],
    ['batchSize: none', 3, 'train.yaml:4: "batchSize" must be a whole number from 1, got "none"'],
    ['task: poetry', 3, 'train.yaml:4: "task" must be one of classification, multi-label'],
    ['focalGamma: -1', 3, 'train.yaml:4: "focalGamma" must be a number from 0, got -1'],
    ['calibrate: 1', 3, 'train.yaml:4: "calibrate" must be true or false, got 1'],
    ['eval: a.csv\nholdOut: 0.1', 3, 'train.yaml:5: "holdOut" must be left out beside eval'],
    ['json: true', 3, 'train.yaml:4: unknown key "json"'],
    ['resume: true', 2, '--resume needs --save-to'],
  ])('refuses %j', async (line, code, message) => {
    const run = await train(`${line}\n`, '--out', scratch.path('refused'));
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
  });

  it('still needs rows and a place', async () => {
    const { code, stderr } = await train('epochs: 1\n');
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("required option '-o, --out <dir>'"),
    ]);
    const missing = await sinter(['train', '--config', 'missing.yaml']);
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringContaining('missing.yaml: no such file'),
    ]);
  });
});
