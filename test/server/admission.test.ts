// Who is let in: allowances and permits, without a server.
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import type { Priority } from '../../lib/core/priority.js';
import { Admission, estimateTokens, ModelGauge } from '../../lib/server/admission.js';
import { compareAll } from '../../lib/server/compare-results.js';
import { failureBody, failureOfCall, statusOf } from '../../lib/server/failures.js';
import { RequestFailure } from '../../lib/server/handling.js';
import { KeyMeter } from '../../lib/server/key-limits.js';

describe('KeyMeter', () => {
  const refusal = (meter: KeyMeter, now: number) => {
    try {
      meter.check(now);
      return null;
    } catch (error) {
      return error as RequestFailure;
    }
  };

  it('refills requests evenly', () => {
    const meter = new KeyMeter('k', { requestsPerMinute: 60 }, 0);
    for (let i = 0; i < 60; i++) {
      meter.check(0);
      meter.begin(10);
    }
    expect(refusal(meter, 0)).toMatchObject({ kind: 'overloaded', retryAfterMs: 1000 });
    expect(refusal(meter, 500)?.retryAfterMs).toBe(500);
    expect(refusal(meter, 1000)).toBeNull();
  });

  it('lets a large request go into debt, and corrects the estimate', () => {
    const meter = new KeyMeter('k', { tokensPerMinute: 600 }, 0);
    meter.check(0);
    meter.begin(300);
    meter.end(300, 1200);
    // 600 too many, and one more to have something.
    expect(refusal(meter, 0)?.retryAfterMs).toBe(60_100);
    expect(refusal(meter, 60_100)).toBeNull();
  });

  it('limits requests at a time', () => {
    const meter = new KeyMeter('k', { maxConcurrentRequests: 1 }, 0);
    meter.check(0);
    meter.begin(1);
    expect(refusal(meter, 0)?.message).toBe('the key "k" may have 1 requests at a time');
    meter.end(1, 1);
    expect(refusal(meter, 0)).toBeNull();
  });
});

describe('Admission', () => {
  const limits = { maxConcurrentRequests: 10, maxQueueTokens: 100, maxQueueMs: 50 };
  const entrance = { name: 'm', key: null, priority: 'interactive' } as const;

  it('takes a request as a whole or refuses it, and counts until it ends', () => {
    const admission = new Admission(2);
    const gauge = new ModelGauge(limits, () => null);
    const enter = (estimatedTokens: number) =>
      admission.enter({ ...entrance, gauge, estimatedTokens });
    const large = enter(1000);
    expect(() => enter(1)).toThrow(/about 1000 tokens waiting/);
    large.leave(900);
    const [one, two] = [enter(50), enter(50)];
    expect(() => enter(1)).toThrow(/2 requests are being answered/);
    one.leave(50);
    two.leave(0);
    expect([admission.requests, gauge.requests, gauge.tokens]).toEqual([0, 0, 0]);
  });

  it('refuses where the wait is too long, and says how long it is', () => {
    let wait: number | null = null;
    const gauge = new ModelGauge(limits, (priority) => (priority === 'bulk' ? 1000 : wait));
    const admission = new Admission(10);
    const enter = (priority: Priority = 'interactive') => {
      try {
        return admission.enter({ ...entrance, gauge, priority, estimatedTokens: 1 });
      } catch (error) {
        return error as RequestFailure;
      }
    };
    // Nothing was measured, and then nobody is before it.
    enter('bulk');
    enter();
    wait = 50;
    enter();
    wait = 50.5;
    expect(enter()).toMatchObject({
      ...{ kind: 'overloaded', message: 'the model "m" has work for 51 ms already' },
      retryAfterMs: 51,
    });
    expect(enter('bulk')).toMatchObject({ retryAfterMs: 1000 });
    expect(gauge.requests).toBe(3);
  });
});

it('tokens are estimated by characters, ids and the limit of the model', () => {
  expect(estimateTokens(['12345678', ['1234', '1234'], [1, 2, 3]], 100)).toBe(4 + 4 + 3);
  expect(estimateTokens(['a'.repeat(10_000)], 64)).toBe(64);
  // About a token for each Chinese character.
  expect(estimateTokens(['\u5929\u6c14'.repeat(100)], 512)).toBe(202);
  expect(estimateTokens([''], 512)).toBe(2);
});

describe('failures', () => {
  it('have the status and the form of their dialect', () => {
    const failure = new RequestFailure('validation', 'inputs must be a string', {
      param: 'inputs',
    });
    expect(statusOf('validation', 'tei')).toBe(422);
    expect(statusOf('validation', 'openai')).toBe(400);
    expect(failureBody(failure, 'openai', 'id')).toEqual({
      error: {
        ...{ message: 'inputs must be a string', type: 'invalid_request_error' },
        ...{ param: 'inputs', code: null },
      },
    });
    expect(failureBody(failure, 'sinter', 'id')).toEqual({
      error: {
        ...{ code: 'validation', message: 'inputs must be a string' },
        ...{ requestId: 'id', param: 'inputs' },
      },
    });
  });

  it('tell mistakes of the caller from defects', () => {
    const kindOf = (error: unknown) => failureOfCall(error, 'id').kind;
    expect(kindOf(new RangeError('inputs[3] must be a text, got 7'))).toBe('validation');
    expect(kindOf(new TypeError("Cannot read properties of undefined (reading 'x')"))).toBe(
      'backend',
    );
    expect(kindOf(new SinterError('OUT_OF_MEMORY', 'no room'))).toBe('backend');
    const cause = new DOMException('late', 'TimeoutError');
    expect(kindOf(new SinterError('CANCELLED', 'run was cancelled', { cause }))).toBe('timeout');
    expect(failureOfCall(new Error('secret'), 'id').message).not.toContain('secret');
  });
});

describe('compareAll', () => {
  const info = (task: string, problem: string | null = null) => ({ task, problem }) as never;

  it('compares vectors by their cosine; one that is not finite agrees with nothing', () => {
    const [a, b] = [Float32Array.of(1, 0), Float32Array.of(Number.NaN, 0)];
    expect(compareAll(info('embed'), [a, a], [a, b])).toEqual([
      { agreement: 1, cosine: 1 },
      { agreement: 0, cosine: 0 },
    ]);
  });

  it('compares labels by the best one, and rankings by places', () => {
    const scores = (...all: number[]) => ({ scores: Float32Array.from(all) });
    const single = info('classify', 'single_label_classification');
    const found = compareAll(single, [scores(0.9, 0.1)], [scores(0.6, 0.4)]);
    expect(found).toEqual([{ agreement: 1, cosine: null }]);
    expect(compareAll(single, [scores(0.9, 0.1)], [scores(0.4, 0.6)])[0]?.agreement).toBe(0);
    const order = compareAll(info('rerank'), [3, 2, 1], [30, 1, 2]);
    expect(order.map(({ agreement }) => agreement)).toEqual([1, 0, 0]);
  });
});
