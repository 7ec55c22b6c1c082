/** The flags of `sinter train` that say when it ends and what it keeps, on a tiny model. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
let file = '';
beforeAll(async () => {
  file = scratch.path('rows.csv');
  const rows = Array.from({ length: 48 }, (_, i) => {
    const label = i % 2 === 0 ? 'people' : 'states';
    return `the ${label} of ${i % 7} and ${i % 5},${label}\n`;
  });
  await writeFile(file, `text,label\n${rows.join('')}`);
});

/** Trains into `out` with a learning rate that this model learns at. */
function train(out: string, ...flags: string[]) {
  const fixed = ['--model', TINY, '--train', file, '--out', scratch.path(out), '--new-head'];
  return sinter(['train', ...fixed, '--batch-size', '8', '--learning-rate', '5e-3', ...flags]);
}

const weightsOf = (out: string) => readFile(join(scratch.path(out), 'model.safetensors'));

describe('sinter train', () => {
  it('gives its flags to the training, which tells of them in training.json', async () => {
    const flags =
      '--hold-out 0.25 --optimizer lion --schedule cosine --max-steps 7 --freeze embeddings,layer.0 --layer-decay 0.9 ' +
      '--average-decay 0.5 --eval-steps 3 --metric-for-best-model macroF1 --load-best-model-at-end --max-grad-value 0.5';
    const { code, stderr } = await train('flags', ...flags.split(' '));
    expect([code, stderr]).toEqual([0, expect.stringContaining('  step 3: held out: accuracy')]);
    const text = await readFile(join(scratch.path('flags'), 'training.json'), 'utf8');
    const json = JSON.parse(text);
    expect(json.settings).toMatchObject({
      optimizer: 'lion',
      beta2: 0.99,
      schedule: 'cosine',
      maxSteps: 7,
      freeze: ['embeddings', 'layer.0'],
      layerDecay: 0.9,
      averageDecay: 0.5,
      evalSteps: 3,
      metricForBestModel: 'macroF1',
      greaterIsBetter: true,
      loadBestModelAtEnd: true,
      maxGradValue: 0.5,
    });
    expect(json.steps).toHaveLength(7);
    expect(json.evaluations.map(({ step }: { step: number }) => step)).toEqual([3, 6, 7]);
    // A path of this machine does not belong into the record.
    expect(text).not.toContain('saveTo');
  });

  it('goes on from a checkpoint to the same model, and refuses to mix two trainings', async () => {
    const saving = ['--epochs', '2', '--save-to', scratch.path('checkpoints'), '--save-every', '5'];
    expect((await train('first', ...saving)).code).toBe(0);
    expect(await readdir(scratch.path('checkpoints'))).toEqual(['checkpoint-10.safetensors']);
    const again = await train('again', ...saving);
    expect([again.code, again.stderr]).toEqual([
      3,
      expect.stringContaining('resume it (--resume)'),
    ]);
    expect((await train('again', ...saving, '--resume')).code).toBe(0);
    expect(await weightsOf('again')).toEqual(await weightsOf('first'));
    const other = await train('other', ...saving, '--resume', '--layer-decay', '0.5');
    expect(other.stderr).toContain('with other options: layerDecay was 1, not 0.5');
  });

  it('writes logs, and goes on with them', async () => {
    const [log, board] = [scratch.path('log.jsonl'), scratch.path('board')];
    const logs = ['--log-to', log, '--tensorboard', board, '--logging-steps', '2'];
    const flags = ['--epochs', '1', '--hold-out', '0.25', '--save-to', scratch.path('kept')];
    expect((await train('logged', ...flags, ...logs)).code).toBe(0);
    const lines = () => readFile(log, 'utf8').then((text) => text.trimEnd().split('\n'));
    const names = (await lines()).map((line) => Object.keys(JSON.parse(line))[0]);
    expect(names).toEqual(['loss', 'loss', 'eval_accuracy', 'train_runtime']);
    const again = await train('logged-again', ...flags.slice(0, 4), ...logs);
    expect([again.code, again.stderr]).toEqual([
      3,
      expect.stringContaining('holds a log already; go on with it (--resume), or name another'),
    ]);
    expect((await train('logged-again', ...flags, ...logs, '--resume')).code).toBe(0);
    expect((await lines()).length).toBe(4);
    expect(await readdir(board)).toHaveLength(2);
  });

  it('says where the patience ended it', async () => {
    const flags =
      '--hold-out 0.25 --epochs 9 --early-stopping-patience 1 --early-stopping-threshold 9';
    const { code, stderr } = await train('patience', ...flags.split(' '));
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('  stopped after step 10: 1 evaluation was no better'),
    ]);
  });

  it.each([
    ['--eval-steps 2', 'error: --eval-steps needs --eval or --hold-out'],
    ['--resume', 'error: --resume needs --save-to'],
    ['--logging-steps 5', 'error: --logging-steps needs --log-to or --tensorboard'],
    ['--freeze layer.9', 'error: --freeze must be "embeddings", "encoder", "layer.0" to "layer.1"'],
    ['--schedule sine', "argument 'sine' is invalid"],
    ['--optimizer adagrad', "argument 'adagrad' is invalid"],
  ])('refuses %s', async (flags, message) => {
    const { code, stderr } = await train('refused', ...flags.split(' '));
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(await readdir(scratch.path('refused')).catch(() => 'nothing')).toBe('nothing');
  });

  it.each([
    ['--save-to', 'folder'],
    ['--log-to', 'file'],
    ['--tensorboard', 'folder'],
  ])('refuses a place for %s inside the model that it will write', async (flag, what) => {
    const { code, stderr } = await train('inside', flag, scratch.path('inside/steps'));
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`${flag} must be a ${what} outside --out`),
    ]);
  });
});
