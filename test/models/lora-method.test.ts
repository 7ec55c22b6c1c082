/** Training with low-rank adapters, and adapters as files. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Classifier, MaskedLM, TokenClassifier } from '../../lib/index.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';

const TINY = encoderFolder('bert') ?? '';
const ADAPTER = fileURLToPath(new URL('../fixtures/adapters/lora-query-value', import.meta.url));
const WORDS = 'the of and to in that is for our we'.split(' ');
const rows = Array.from({ length: 64 }, (_, i) => {
  const first = (i * 7) % WORDS.length;
  const text = [0, 3, 5].map((step) => WORDS[(first + step * i) % WORDS.length]).join(' ');
  return { text, label: first < 5 ? 'low' : 'high' };
});
const texts = rows.map(({ text }) => text);
const fresh = () => Classifier.load(TINY, { labels: ['low', 'high'], newHead: true, seed: 3 });
const LORA = { method: 'lora', epochs: 8, batchSize: 16, learningRate: 1e-2 } as const;

describe("method: 'lora'", () => {
  it('learns, and its adapter gives another copy of the base the same weights', async () => {
    await using model = await fresh();
    const lora = { r: 4, alpha: 8, dropout: 0.1, targets: ['query', 'output.dense'] };
    const report = await model.train(rows, { ...LORA, lora, eval: rows });
    expect(report.steps.at(-1)?.loss).toBeLessThan((report.steps[0]?.loss ?? 0) / 2);
    // The scores of the training are those of the adapters beside the matrices, not yet merged.
    const { accuracy, loss } = await model.evaluate(rows);
    expect(report.epochs.at(-1)?.eval?.accuracy).toBe(accuracy);
    expect(report.epochs.at(-1)?.eval?.loss).toBeCloseTo(loss, 5);
    expect((await model.info()).training).toMatchObject({ settings: { method: 'lora' } });

    const folder = join(await temporaryFolder(), 'adapter');
    await model.saveAdapter(folder);
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({
      ...{ peft_type: 'LORA', task_type: 'SEQ_CLS', r: 4, lora_alpha: 8, lora_dropout: 0.1 },
      ...{ modules_to_save: ['classifier'], base_model_name_or_path: TINY, use_rslora: false },
    });
    expect(config.target_modules).toContain('bert.encoder.layer.0.attention.self.query');
    expect(config.target_modules).toContain('bert.encoder.layer.0.output.dense');
    expect(config.target_modules).not.toContain('bert.encoder.layer.0.attention.self.value');

    const logits = (await model.logits(texts)).data;
    await using other = await Classifier.load(TINY, {
      labels: ['low', 'high'],
      newHead: true,
      seed: 8,
    });
    await other.mergeAdapter(folder);
    expectSameBits((await other.logits(texts)).data, logits, 'logits');
    expect((await other.info()).untrained).toEqual([]);
  });

  it('trains every matrix of the encoder unless told otherwise, and every kind of head', async () => {
    await using model = await TokenClassifier.load(TINY, { labels: ['O', 'B-x'], newHead: true });
    const tagged = texts.map((text) => {
      const words = text.split(' ');
      return { words, tags: words.map((word) => (word === 'the' ? 'B-x' : 'O')) };
    });
    await model.train(tagged, LORA);
    const folder = join(await temporaryFolder(), 'adapter');
    await model.saveAdapter(folder);
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));
    // Six matrices in each of three layers.
    expect(config.target_modules).toHaveLength(18);
    expect(config).toMatchObject({ task_type: 'TOKEN_CLS', r: 8, lora_alpha: 16 });
  });

  it('leaves a token table alone that gives the logits of a masked LM too', async () => {
    await using model = await MaskedLM.load(encoderFolder('bert-mlm') ?? '');
    await model.train(
      texts.map((text) => ({ text })),
      { ...LORA, epochs: 1 },
    );
    const folder = join(await temporaryFolder(), 'adapter');
    await model.saveAdapter(folder);
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));
    expect(config.target_modules).toHaveLength(12);
    expect(config.target_modules.filter((name: string) => !name.includes('.layer.'))).toEqual([]);
  });

  it('gives the same bits again', async () => {
    const run = async () => {
      await using model = await fresh();
      await model.train(rows, { ...LORA, epochs: 2, lora: { dropout: 0.2 } });
      return (await model.logits(texts)).data;
    };
    expectSameBits(await run(), await run(), 'logits');
  });

  it.each([
    [{ lora: { targets: ['nothing'] } }, /train: lora: targets must be matrices of the encoder/],
    [{ lora: { targets: [] } }, /targets must be 'all-linear' or an array of names/],
    [{ lora: { r: 0 } }, /train: lora: r must be/],
    [{ lora: { dropout: 1 } }, /lora: dropout must be a number from 0, below 1, got 1/],
    [{ lora: { rank: 4 } }, /lora: unknown option "rank"/],
    [{ lora: { rankPattern: { query: -1 } } }, /rankPattern.query must be a number above 0/],
    [{ method: 'full', lora: {} }, /train: method must be 'lora' where lora is given, got "full"/],
  ])('refuses %j', async (options, message) => {
    await using model = await fresh();
    await expect(model.train(rows, { ...LORA, ...options } as never)).rejects.toThrow(message);
  });
});

describe('an adapter folder', () => {
  /** A copy of the fixture with other keys in its config. */
  async function changed(changes: object): Promise<string> {
    const folder = join(await temporaryFolder(), 'adapter');
    await cp(ADAPTER, folder, { recursive: true });
    const file = join(folder, 'adapter_config.json');
    const config = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...config, ...changes }));
    return folder;
  }
  const base = () => Classifier.load(encoderFolder('bert-seqcls') ?? '');

  it.each([
    [{ peft_type: 'LOHA' }, 'peft_type must be "LORA" or "IA3", got "LOHA"'],
    [{ peft_type: 'IA3', r: null, lora_alpha: null }, 'unsupported bias "none"'],
    [{ bias: 'all' }, 'bias must be "none", got "all"'],
    [{ fan_in_fan_out: true }, 'unsupported fan_in_fan_out true'],
    [{ layer_replication: [[0, 1]] }, 'unsupported layer_replication'],
    [{ key_of_tomorrow: 3 }, 'unsupported key_of_tomorrow 3'],
  ])('with %j is refused by name', async (changes, message) => {
    await using model = await base();
    const folder = await changed(changes);
    await expect(model.mergeAdapter(folder)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringContaining(message),
    });
  });

  it('says DoRA only with its magnitudes', async () => {
    await using model = await base();
    await expect(model.mergeAdapter(await changed({ use_dora: true }))).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringContaining('use_dora does not fit its tensors'),
    });
  });

  it('of another model is refused, and leaves the weights as they are', async () => {
    await using model = await Classifier.load(encoderFolder('distilbert-seqcls') ?? '');
    const before = (await model.logits(['the'])).data;
    await expect(model.mergeAdapter(ADAPTER)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringContaining('adapter of another model'),
    });
    expectSameBits((await model.logits(['the'])).data, before, 'logits');
    await using small = await (await base()).quantize();
    await expect(small.mergeAdapter(ADAPTER)).rejects.toThrow(/quantized/);
  });

  it('is not merged while the model is trained, so that neither is lost', async () => {
    await using model = await base();
    const { labels } = model;
    const own = texts.map((text, i) => ({ text, label: labels[i % labels.length] ?? '' }));
    const training = model.train(own, { epochs: 1 });
    await expect(model.mergeAdapter(ADAPTER)).rejects.toMatchObject({ code: 'OVERLOADED' });
    await training;
    await model.mergeAdapter(ADAPTER);
  });

  it('replaces adapters only, and a model without an adapter saves none', async () => {
    await using model = await base();
    const folder = await temporaryFolder();
    await expect(model.saveAdapter(join(folder, 'a'))).rejects.toThrow(/has no adapter/);
    await model.mergeAdapter(ADAPTER);
    await model.saveAdapter(join(folder, 'a'));
    await expect(model.saveAdapter(join(folder, 'a'))).rejects.toThrow(
      /saveAdapter: folder must be new or empty \(or pass overwrite: true\)/,
    );
    await model.saveAdapter(join(folder, 'a'), { overwrite: true });
    await mkdir(join(folder, 'b'));
    await writeFile(join(folder, 'b', 'notes.txt'), 'mine');
    await expect(model.saveAdapter(join(folder, 'b'), { overwrite: true })).rejects.toThrow(
      /notes\.txt/,
    );
  });
});
