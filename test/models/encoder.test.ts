/**
 * Encoder: what goes in, what comes out, what is refused, and that it ends cleanly.
 */

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { Encoder } from '../../lib/models/encoder.js';

const bert = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));

let encoder: Encoder;
beforeAll(async () => {
  encoder = await Encoder.load(bert, { pooling: 'mean', normalize: true });
});
afterAll(async () => {
  await encoder.dispose();
});

/** The rejection of a promise; undefined when it does not reject. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('Encoder.load', () => {
  it('loads the embedded model without a path', async () => {
    await using embedded = await Encoder.load();
    expect(await embedded.info()).toMatchObject({
      task: 'embedding',
      architecture: 'bert',
      layers: 6,
      hidden: 384,
      vocabulary: 30522,
      maxTokens: 256,
      pooling: ['mean'],
      normalized: true,
      quantized: false,
      labels: null,
      parameters: 22_713_216,
    });
    expect(embedded.dimensions).toBe(384);
  });

  it('never guesses the pooling', async () => {
    await expect(Encoder.load(bert)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringContaining(`give pooling: 'cls', 'max', 'mean', `),
    });
  });

  it('refuses wrong arguments', async () => {
    await expect(Encoder.load(5 as never)).rejects.toThrow(
      new TypeError('Encoder.load: path must be a string, got 5'),
    );
    await expect(Encoder.load(bert, { pooling: 'last' as never })).rejects.toThrow(
      new RangeError(
        'Encoder.load: pooling must be one of "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", ' +
          '"lasttoken", or a list of different ones, got "last"',
      ),
    );
    await expect(Encoder.load(bert, { maxToken: 3 } as never)).rejects.toThrow(
      /unknown option "maxToken"; it has pooling, normalize, maxTokens/,
    );
    await expect(Encoder.load(bert, { maxtokens: 3 } as never)).rejects.toThrow(
      /did you mean maxTokens\?/,
    );
    await expect(Encoder.load(bert, { pooling: 'mean', lanes: 999 })).rejects.toThrow(
      /^Encoder.load: lanes must be \d+ \(they run already\), got 999$/,
    );
    await expect(Encoder.load(bert, { lanes: 0 })).rejects.toThrow(RangeError);
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const error = await rejection(Encoder.load(bert, { pooling: 'mean', signal }));
    expect(error).toBeInstanceOf(SinterError);
    expect(error).toMatchObject({ code: 'CANCELLED', cause: new Error('enough') });
  });

  it('pools as asked', async () => {
    const text = ['the people of the united states'];
    const rows: Float32Array[] = [];
    for (const pooling of ['mean', 'cls', 'max'] as const) {
      await using one = await Encoder.load(bert, { pooling });
      rows.push((await one.embed(text)).row(0));
    }
    const [mean, cls, max] = rows;
    expect(mean).not.toEqual(cls);
    expect(max?.every((value, i) => value >= (mean?.[i] ?? 0) && value >= (cls?.[i] ?? 0))).toBe(
      true,
    );
  });
});

describe('embed', () => {
  it('gives one row of length 1 per text, in order, for any number of texts', async () => {
    const texts = Array.from({ length: 3000 }, (_, i) => `people ${'of the '.repeat(i % 20)}${i}`);
    const vectors = await encoder.embed(texts);
    expect([vectors.rows, vectors.cols]).toEqual([3000, encoder.dimensions]);
    for (const i of [0, 1023, 1024, 2047, 2999]) {
      const alone = await encoder.embed([texts[i] as string]);
      expect(vectors.row(i)).toEqual(alone.row(0));
      expect(Math.hypot(...vectors.row(i))).toBeCloseTo(1, 5);
    }
  });

  it('takes no texts, and empty ones', async () => {
    const none = await encoder.embed([]);
    expect([none.rows, none.cols, none.data.length]).toEqual([0, 20, 0]);
    const empty = await encoder.embed(['', ' ']);
    expect(empty.row(0)).toEqual(empty.row(1));
    expect(empty.row(0).every(Number.isFinite)).toBe(true);
  });

  it('cuts long texts, or refuses them by number and length', async () => {
    const long = 'people '.repeat(100);
    const cut = await encoder.embed([long, 'people '.repeat(62)]);
    expect(cut.row(0)).toEqual(cut.row(1));
    const texts = [...Array.from({ length: 2000 }, () => 'people'), long];
    await expect(encoder.embed(texts, { truncate: false })).rejects.toThrow(
      new RangeError('texts[2000] must be at most 64 tokens, got 102'),
    );
  });

  it('refuses values that are no texts, naming their index', async () => {
    await expect(encoder.embed(7 as never)).rejects.toThrow(
      new TypeError('embed: texts must be a string or an array of strings, got 7'),
    );
    const texts = [...Array.from({ length: 1500 }, () => 'people'), 5 as never];
    await expect(encoder.embed(texts)).rejects.toThrow(
      new TypeError('texts[1500] must be a string or a pair of strings, got 5'),
    );
    await expect(encoder.embed(['ok', 'broken \ud800'])).rejects.toThrow(/^texts\[1\] must be/);
    await expect(encoder.embed(['ok'], { truncate: 1 as never })).rejects.toThrow(
      new TypeError('embed: truncate must be true or false, got 1'),
    );
    await expect(encoder.embed(['ok'], { promptName: 'query' })).rejects.toThrow(RangeError);
  });

  it('stops when aborted before and during the call', async () => {
    const texts = Array.from({ length: 20_000 }, () => 'the people of the united states');
    const controller = new AbortController();
    const running = rejection(encoder.embed(texts, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 5);
    expect(await running).toMatchObject({ code: 'CANCELLED', message: 'embed was cancelled' });
    const late = encoder.embed(['x'], { signal: controller.signal });
    expect(await rejection(late)).toMatchObject({ code: 'CANCELLED' });
    expect((await encoder.embed(['still here'])).rows).toBe(1);
  });
});

describe('dispose', () => {
  it('lets a running call end and refuses later ones', async () => {
    const one = await Encoder.load(bert, { pooling: 'mean' });
    const texts = Array.from({ length: 5000 }, (_, i) => `people ${i}`);
    const expected = await one.embed(texts);
    const running = one.embed(texts);
    const disposed = one.dispose();
    expect((await running).data).toEqual(expected.data);
    await disposed;
    await one.dispose();
    for (const call of [one.embed(['x']), one.info(), one.tokenize('x'), one.quantize()]) {
      expect(await rejection(call)).toMatchObject({ code: 'DISPOSED' });
    }
  });
});

describe('tokenize', () => {
  it('gives tokens with their places', async () => {
    const { tokens, starts, ends, ids } = await encoder.tokenize('the people');
    expect(tokens).toEqual(['[CLS]', 'the', 'people', '[SEP]']);
    expect([...starts]).toEqual([0, 0, 4, 0]);
    expect([...ends]).toEqual([0, 3, 10, 0]);
    expect(ids).toHaveLength(4);
  });
});
