/**
 * Batchers of every head: the same bits as a direct call under random arrivals, groups and aborts; windows and masks; clean
 * ends.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import type { Batcher, RunOptions } from '../../lib/index.js';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  MaskedLM,
  QuestionAnswerer,
  TokenClassifier,
} from '../../lib/index.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const golden = JSON.parse(readFileSync(at('heads/golden.json'), 'utf8')) as {
  texts: string[];
  questions: [string, string][];
  masked: string[];
  pairs: [string, string][];
};

const AGGREGATIONS = ['none', 'simple', 'first', 'average', 'max'] as const;
const LONG = ['people of the states '.repeat(90), 'the war and the people '.repeat(300)];

/** A model's batcher, and calls with the results that the model's own calls have. */
interface Case {
  readonly make: (options: { maxBatchTokens: number }) => Batcher<unknown, never, never>;
  readonly calls: readonly { input: unknown; options: object; expected: unknown }[];
}

const models: { dispose(): Promise<void> }[] = [];
const cases: Record<string, Case> = {};

async function add(name: string, model: { dispose(): Promise<void> }, made: Case) {
  models.push(model);
  cases[name] = made;
}

async function addTags() {
  const model = await TokenClassifier.load(at('heads/bert-tokencls'));
  const texts = [...golden.texts, ...LONG, ''];
  const calls = await Promise.all(
    texts.flatMap((input) =>
      AGGREGATIONS.map(async (aggregation) => {
        const options = { aggregation, stride: 9 };
        const [expected] = await model.predict([input], options);
        return { input, options: { aggregation }, expected };
      }),
    ),
  );
  await add('TokenClassifier', model, {
    make: (limits) => model.batch({ stride: 9, ...limits }) as never,
    calls,
  });
}

async function addAnswers() {
  const model = await QuestionAnswerer.load(at('heads/bert-qa'));
  const pairs = [
    ...golden.questions,
    ['who ?', LONG[0] ?? ''],
    ['war ?', LONG[1] ?? ''],
    ['x', ''],
  ];
  const choices = [
    {},
    { topK: 3 },
    { topK: 20, maxAnswerTokens: 4, allowNoAnswer: true },
    { docStride: 3, allowNoAnswer: true },
  ];
  const calls = await Promise.all(
    pairs.flatMap(([question = '', context = '']) =>
      choices.map(async (options) => {
        const expected = await model.answer(question, context, options);
        return { input: { question, context }, options, expected };
      }),
    ),
  );
  await add('QuestionAnswerer', model, { make: (limits) => model.batch(limits) as never, calls });
}

async function addPairs() {
  const model = await CrossEncoder.load(at('heads/bert-regression'));
  const calls = await Promise.all(
    [...golden.pairs, ['', 'x'], ['the people', LONG[0] ?? '']].map(async (input) => {
      const [expected] = await model.score([input as [string, string]]);
      return { input, options: {}, expected };
    }),
  );
  await add('CrossEncoder', model, { make: (limits) => model.batch(limits) as never, calls });
}

async function addFills() {
  const model = await MaskedLM.load(at('encoders/bert-mlm'));
  const texts = [...golden.masked, '[MASK]', '[MASK] the [MASK] people [MASK]'];
  const calls = await Promise.all(
    texts.flatMap((input) =>
      [1, 5, 40].map(async (topK) => {
        return { input, options: { topK }, expected: await model.fill(input, { topK }) };
      }),
    ),
  );
  await add('MaskedLM', model, { make: (limits) => model.batch(limits) as never, calls });
}

async function addTokenVectors() {
  const model = await Encoder.load(at('encoders/bert'), { pooling: 'mean' });
  const texts = [...golden.texts, LONG[0] ?? '', ['the people', 'of the states'] as const];
  const calls = await Promise.all(
    texts.map(async (input) => {
      const [expected] = await model.embedTokens([input]);
      return { input, options: {}, expected };
    }),
  );
  await add('Encoder, tokens', model, {
    make: (limits) => model.batch({ ...limits, output: 'tokens' }) as never,
    calls,
  });
}

async function addLabels() {
  const model = await Classifier.load(at('encoders/bert-seqcls'));
  const texts = [...golden.texts, ...LONG];
  const calls = await Promise.all(
    texts.map(async (input) => {
      return { input, options: {}, expected: (await model.predict([input]))[0] };
    }),
  );
  await add('Classifier', model, { make: (limits) => model.batch(limits) as never, calls });
}

beforeAll(async () => {
  for (const addCase of [addTags, addAnswers, addPairs, addFills, addTokenVectors, addLabels])
    await addCase();
});
afterAll(async () => {
  for (const model of models) await model.dispose();
});

async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise((done) => setImmediate(done));
}

const NAMES = [
  'TokenClassifier',
  'QuestionAnswerer',
  'CrossEncoder',
  'MaskedLM',
  'Encoder, tokens',
  'Classifier',
];

describe.each(NAMES)('the batcher of a %s', (name) => {
  it('gives the bits of the direct calls under random arrivals, groups and aborts', async () => {
    const { make, calls } = cases[name] as Case;
    const one = fc.record({
      call: fc.nat(calls.length - 1),
      gap: fc.nat(2),
      priority: fc.constantFrom('interactive' as const, 'bulk' as const),
      group: fc.constantFrom('', 'a', 'b'),
      abortAfter: fc.option(fc.nat(8), { freq: 5 }),
    });
    const all = fc.array(one, { minLength: 1, maxLength: 25 });
    const property = fc.asyncProperty(all, fc.integer({ min: 1, max: 300 }), async (list, size) => {
      const batcher = make({ maxBatchTokens: size });
      const ends: Promise<void>[] = [];
      for (const { call, gap, priority, group, abortAfter } of list) {
        await turns(gap);
        const { input, options, expected } = calls[call] as Case['calls'][number];
        const stop = new AbortController();
        const given = { ...options, priority, group, signal: stop.signal };
        const run = batcher.run(input as never, given as never);
        const check = (result: unknown) => expect(result).toEqual(expected);
        ends.push(
          run.then(check, (error: unknown) => {
            expect(abortAfter).not.toBeNull();
            expect(error).toMatchObject({ code: 'CANCELLED' });
          }),
        );
        if (abortAfter !== null) void turns(abortAfter).then(() => stop.abort());
      }
      await Promise.all(ends);
      const metrics = batcher.metrics();
      expect(metrics).toMatchObject({ queued: 0, queuedTokens: 0, running: 0, failed: 0 });
      expect(metrics.completed + metrics.cancelled).toBe(metrics.requests);
      await batcher.dispose();
    });
    await fc.assert(property, { numRuns: 12 });
  });

  it('gives facts with the same result', async () => {
    const { make, calls } = cases[name] as Case;
    const batcher = make({ maxBatchTokens: 512 });
    for (const { input, options, expected } of calls.slice(0, 20)) {
      const { result, facts } = await batcher.runWithFacts(input as never, options as never);
      expect(result).toEqual(expected);
      expect(facts.tokens).toBeGreaterThan(0);
      for (const ms of [facts.tokenizeMs, facts.queueMs, facts.computeMs]) {
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThan(10_000);
      }
    }
    await batcher.dispose();
  });

  it('refuses unknown options of batch and of run', async () => {
    const { make } = cases[name] as Case;
    expect(() => make({ maxBatchTokens: 1, maxBatch: 1 } as never)).toThrow(
      /^batch: unknown option "maxBatch"/,
    );
    const batcher = make({ maxBatchTokens: 1 });
    const { input } = (cases[name] as Case).calls[0] as Case['calls'][number];
    await expect(batcher.run(input as never, { prority: 'bulk' } as never)).rejects.toThrow(
      /^run: unknown option "prority"/,
    );
    await expect(batcher.run(5 as never)).rejects.toThrow(/^run: .* must be .*, got 5$/);
    await batcher.dispose();
    await expect(batcher.run(input as never)).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

describe('TokenClassifier.batch', () => {
  it('reads windows unless it is told to truncate, with the facts of both', async () => {
    await using model = await TokenClassifier.load(at('heads/bert-tokencls'));
    const [text = ''] = LONG;
    await using whole = model.batch();
    await using cut = model.batch({ truncate: true });
    await using strict = model.batch({ truncate: false });
    const all = await whole.runWithFacts(text, { aggregation: 'none' });
    expect(all.result).toEqual((await model.predict([text], { aggregation: 'none' }))[0]);
    expect(all.facts).toMatchObject({ truncated: false });
    expect(all.facts.tokens).toBeGreaterThan(360);
    const first = await cut.runWithFacts(text, { aggregation: 'none' });
    const truncated = { aggregation: 'none', truncate: true } as const;
    expect(first.result).toEqual((await model.predict([text], truncated))[0]);
    expect(first.facts).toMatchObject({ truncated: true, tokens: 64 });
    await expect(strict.run(text)).rejects.toThrow(
      new RangeError('run: text must be at most 64 tokens, got 362'),
    );
    expect(() => model.batch({ truncate: true, stride: 3 })).toThrow(
      'batch: stride must be left out with truncate, got 3',
    );
    expectTypeOf(await whole.run('x')).toExtend<readonly { entity: string }[]>();
  });

  it('cancels the windows of a text with its timeout or signal, and those only', async () => {
    await using model = await TokenClassifier.load(at('heads/bert-tokencls'));
    await using batcher = model.batch({ maxBatchTokens: 64 });
    // Seconds of work.
    const text = 'the war and the people of the states '.repeat(60_000);
    const [expected] = await model.predict([LONG[0] ?? '']);
    const late = batcher.run(text, { timeoutMs: 300 });
    const isLate = expect(late).rejects.toMatchObject({
      code: 'CANCELLED',
      cause: expect.objectContaining({ name: 'TimeoutError' }),
    });
    const stop = new AbortController();
    const stopped = batcher.run(text, { signal: stop.signal });
    const isStopped = expect(stopped).rejects.toMatchObject({
      code: 'CANCELLED',
      cause: new Error('enough'),
    });
    await isLate;
    while (batcher.metrics().requests < 100) await turns(1);
    const fine = batcher.run(LONG[0] ?? '', { group: 'other' });
    await turns(5);
    stop.abort(new Error('enough'));
    await isStopped;
    expect(await fine).toEqual(expected);
    await batcher.drain();
    const { requests, completed, cancelled, queued } = batcher.metrics();
    expect(queued).toBe(0);
    expect(cancelled).toBeGreaterThan(2);
    expect(completed + cancelled).toBe(requests);
  });

  it('counts a text that is read in windows as waiting, so that a rush of long texts is refused', async () => {
    await using model = await TokenClassifier.load(at('heads/bert-tokencls'));
    await using batcher = model.batch({ maxQueue: 10, maxGroupQueue: 5 });
    const runs = Array.from({ length: 30 }, (_, i) =>
      batcher.run(LONG[1] ?? '', { group: `${i % 2}` }).then(
        () => 'ok',
        ({ code }: { code: string }) => code,
      ),
    );
    const ends = await Promise.all(runs);
    expect(ends.filter((end) => end === 'OVERLOADED')).toHaveLength(20);
    expect(ends.filter((end) => end === 'ok')).toHaveLength(10);
  });
});

describe('QuestionAnswerer.batch', () => {
  it('refuses what answer refuses, by name', async () => {
    await using model = await QuestionAnswerer.load(at('heads/bert-qa'));
    await using batcher = model.batch({ maxTokens: 40 });
    const question = 'who '.repeat(30);
    const direct = await model
      .answer(question, 'the war', { maxTokens: 40 })
      .catch((error: Error) => error);
    const through = await batcher
      .run({ question, context: 'the war' })
      .catch((error: Error) => error);
    expect((through as Error).message).toBe((direct as Error).message.replace('answer:', 'run:'));
    expect(through).toBeInstanceOf(RangeError);
    await expect(batcher.run({ question: 'who', context: 1 } as never)).rejects.toThrow(
      new TypeError('run: context must be a string, got 1'),
    );
    await expect(
      batcher.run({ question: 'who', context: 'war' }, { docStride: 40 }),
    ).rejects.toThrow(/^run: docStride must be less than the window's 40, got 40$/);
    expect(() => model.batch({ maxTokens: 1000 })).toThrow(/^batch: maxTokens must be at most 64/);
    expect(() => model.batch({ truncate: true } as never)).toThrow(/unknown option "truncate"/);
  });
});

describe('CrossEncoder.batch', () => {
  it('gives raw logits, truncates from either side, reads windows', async () => {
    await using model = await CrossEncoder.load(at('heads/bert-regression'));
    await using batcher = model.batch();
    const pair = ['the people', LONG[0] ?? ''] as const;
    const score = await batcher.run(pair);
    const raw = await batcher.run(pair, { rawScores: true });
    expect(score).toBeCloseTo(1 / (1 + Math.exp(-raw)), 12);
    const left = await batcher.run(pair, { truncationDirection: 'left', rawScores: true });
    expect(left).not.toBe(raw);
    await expect(batcher.run(pair, { truncate: false })).rejects.toThrow(/at most 64 tokens/);
    await using windows = model.batch({ windows: 'max', stride: 5 });
    const [expected] = await model.score([pair], { windows: 'max', stride: 5 });
    expect(await windows.run(pair)).toBe(expected);
    await expect(windows.run(pair, { truncate: true })).rejects.toThrow(
      'run: truncate must be left out with windows, got true',
    );
    await expect(batcher.run('text' as never)).rejects.toThrow(
      new TypeError('run: text must be a pair of strings, got "text"'),
    );
  });
});

describe('MaskedLM.batch', () => {
  it('refuses a text without a mask alone', async () => {
    await using model = await MaskedLM.load(at('encoders/bert-mlm'));
    await using batcher = model.batch();
    const runs = await Promise.allSettled(
      ['the [MASK]', 'no mask', `${'war '.repeat(80)}[MASK]`, '[MASK] war'].map((text) =>
        batcher.run(text),
      ),
    );
    expect(runs.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    ]);
    expect(runs[1]).toMatchObject({
      reason: new RangeError('run: text must be a text with [MASK], got "no mask"'),
    });
  });
});

describe('10,000 calls of heads', () => {
  it('leave nothing behind', async () => {
    const batchers = NAMES.map((name) => (cases[name] as Case).make({ maxBatchTokens: 512 }));
    const calls = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        const runs = NAMES.flatMap((name, b) => {
          const { calls: list } = cases[name] as Case;
          return Array.from({ length: 20 }, (_, i) => {
            const { input, options } = list[
              (round + i) % Math.min(list.length, 6)
            ] as Case['calls'][number];
            const extra: RunOptions = {
              group: `${round % 50}`,
              ...(i % 5 === 0 && { timeoutMs: 2 }),
            };
            return batchers[b]?.run(input as never, { ...options, ...extra } as never);
          });
        });
        await Promise.allSettled(runs);
      }
      await turns(3);
    };
    await calls(15);
    const before = process.memoryUsage();
    await calls(84);
    const after = process.memoryUsage();
    for (const batcher of batchers) {
      const { queued, running, requests, completed, cancelled } = batcher.metrics();
      expect([queued, running]).toEqual([0, 0]);
      expect(completed + cancelled).toBe(requests);
      await batcher.dispose();
    }
    expect(after.rss - before.rss).toBeLessThan(96 << 20);
  });
});
