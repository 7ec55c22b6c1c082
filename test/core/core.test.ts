/**
 * Matrices, similarity, lanes: the small parts that everything else stands on.
 */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { Matrix } from '../../lib/core/matrix.js';
import { nearest, similarity } from '../../lib/metrics/similarity.js';
import { cpuQuota, defaultLanes } from '../../lib/native/lanes.js';

describe('Matrix', () => {
  it('has rows that are views, and copies', () => {
    const matrix = new Matrix(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3);
    expect([...matrix.row(1)]).toEqual([4, 5, 6]);
    matrix.row(1)[0] = 9;
    expect(matrix.toArray()).toEqual([
      [1, 2, 3],
      [9, 5, 6],
    ]);
    expect(Matrix.zeros(0, 3).toArray()).toEqual([]);
  });

  it('refuses sizes that do not fit', () => {
    expect(() => new Matrix(new Float32Array(5), 2, 3)).toThrow(
      new RangeError('Matrix: data must be 2 x 3 numbers long, got 5'),
    );
    expect(() => new Matrix([1] as never, 1, 1)).toThrow(TypeError);
    expect(() => Matrix.zeros(2, 2).row(2)).toThrow(
      new RangeError('row: index must be a whole number below 2, got 2'),
    );
    expect(() => Matrix.zeros(2 ** 30, 2 ** 20)).toThrow(
      expect.objectContaining({ code: 'OUT_OF_MEMORY' }),
    );
  });
});

describe('similarity and nearest', () => {
  const a = new Matrix(Float32Array.of(1, 0, 0, 2, 3, 3, 0, 0), 4, 2);

  it('are cosines, whatever the lengths, and 0 for a zero row', () => {
    const matrix = similarity(a, a);
    expect(matrix.row(0)[0]).toBe(1);
    expect(matrix.row(0)[1]).toBe(0);
    expect(matrix.row(1)[2]).toBeCloseTo(Math.SQRT1_2, 6);
    expect([...matrix.row(3)]).toEqual([0, 0, 0, 0]);
  });

  it('find the best first, the first of equals first', () => {
    const query = new Matrix(Float32Array.of(0, 1), 1, 2);
    const [found] = nearest(query, a, 3);
    expect(found?.map(({ index }) => index)).toEqual([1, 2, 0]);
    expect(nearest(query, a, 99)[0]).toHaveLength(4);
    expect(() => nearest(query, a, 0)).toThrow(RangeError);
    expect(() => nearest(new Float32Array(2) as never, a, 1)).toThrow(
      'nearest: first argument must be a Matrix, as embed gives it for an array of texts, got a Float32Array',
    );
    expect(() => nearest(query, Matrix.zeros(1, 3), 1)).toThrow(
      new RangeError('nearest: second argument must be a Matrix with 2 columns, got 3'),
    );
    expect(() => similarity([] as never, a)).toThrow(TypeError);
  });
});

describe('lanes', () => {
  const files = (entries: Readonly<Record<string, string>>) => (path: string) =>
    entries[path] ?? null;

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('follow the quota of cgroup v2, the least of all levels', () => {
    const quota = cpuQuota(
      files({
        '/proc/self/cgroup': '0::/app/worker\n',
        '/sys/fs/cgroup/app/worker/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/app/cpu.max': '150000 100000\n',
        '/sys/fs/cgroup/cpu.max': '400000 100000\n',
      }),
    );
    expect(quota).toBe(1.5);
  });

  it('follow the quota of cgroup v1', () => {
    const quota = cpuQuota(
      files({
        '/proc/self/cgroup': '5:memory:/x\n4:cpu,cpuacct:/docker/abc\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      }),
    );
    expect(quota).toBe(2);
  });

  it('have no quota where there is none', () => {
    expect(cpuQuota(files({}))).toBeNull();
    const unlimited = {
      '/proc/self/cgroup': '4:cpu:/\n0::/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu.max': 'max 100000\n',
    };
    expect(cpuQuota(files(unlimited))).toBeNull();
  });

  it('are at least one, or what SINTER_LANES says', () => {
    expect(defaultLanes()).toBeGreaterThanOrEqual(1);
    vi.stubEnv('SINTER_LANES', '5');
    expect(defaultLanes()).toBe(5);
    vi.stubEnv('SINTER_LANES', 'many');
    expect(() => defaultLanes()).toThrow(
      new RangeError('SINTER_LANES must be a whole number from 1 to 1024, got "many"'),
    );
  });
});
