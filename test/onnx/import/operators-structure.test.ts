/**
 * Operators that move, index, reduce and compare, against ONNX Runtime on random shapes.
 */

import { describe } from 'vitest';
import { agrees, anyAxis, flag, upTo } from './agree.js';
import { dimsOf, int64s, real, scalar, sizeOf, whole } from './random-tensors.js';
import { tensor } from './write-model.js';

describe('shapes', () => {
  agrees('Reshape keeps, infers and (allowzero) takes zeros', dimsOf(1, 4), (dims, next) => {
    const open = upTo(next, dims.length - 1);
    const wanted = dims.map((dim, i) => (i === open ? -1 : next() < 0.3 ? 0 : dim));
    return { op: 'Reshape', opset: 14, inputs: [real(dims, next), int64s(wanted)] };
  });
  agrees('Squeeze', dimsOf(1, 3), (dims, next) => ({
    op: 'Squeeze',
    opset: 13,
    inputs: [real([1, ...dims, 1], next), ...(next() < 0.3 ? [] : [int64s([0, -1])])],
  }));
  agrees('Squeeze before opset 13', dimsOf(1, 3), (dims, next) => ({
    op: 'Squeeze',
    opset: 11,
    inputs: [real([1, ...dims, 1], next)],
    attributes: { axes: [-1] },
  }));
  agrees('Unsqueeze', dimsOf(0, 3), (dims, next) => ({
    op: 'Unsqueeze',
    opset: 13,
    inputs: [real(dims, next), int64s([-1, 0])],
  }));
  agrees('Flatten', dimsOf(1, 4), (dims, next) => ({
    op: 'Flatten',
    opset: 13,
    inputs: [real(dims, next)],
    attributes: { axis: anyAxis(dims.length, next) },
  }));
  agrees('Transpose', dimsOf(1, 5), (dims, next) => ({
    op: 'Transpose',
    opset: 13,
    inputs: [real(dims, next)],
    attributes: { perm: dims.map((_, i) => (i + upTo(() => 0.4, dims.length)) % dims.length) },
  }));
  agrees('Concat', dimsOf(1, 4), (dims, next) => {
    const axis = anyAxis(dims.length, next);
    const other = dims.map((dim, i) => (i === (axis + dims.length) % dims.length ? dim + 1 : dim));
    const inputs = [real(dims, next), real(other, next), real(dims, next)];
    return { op: 'Concat', opset: 13, inputs, attributes: { axis } };
  });
  agrees('Split into uneven parts', dimsOf(1, 3, 7), (dims, next) => {
    const axis = anyAxis(dims.length, next);
    const parts = 1 + upTo(next, Math.min(2, (dims.at(axis) as number) - 1));
    // Two parts of ceil(n / parts) must leave something for the last.
    const length = dims.at(axis) as number;
    const fits = Math.ceil(length / parts) * (parts - 1) < length;
    const count = fits ? parts : 1;
    return {
      op: 'Split',
      opset: 18,
      inputs: [real(dims, next)],
      attributes: { axis, num_outputs: count },
      outputs: Array.from({ length: count }, () => 'float32' as const),
    };
  });
  agrees(
    'Slice with any bounds and steps',
    dimsOf(1, 4, 6),
    (dims, next) => {
      const axes = dims.map((_, i) => (next() < 0.5 ? i : i - dims.length));
      const any = () => upTo(next, 16) - 8;
      const steps = dims.map(() => [-3, -2, -1, 1, 2, 3][upTo(next, 5)] as number);
      return {
        op: 'Slice',
        opset: 13,
        inputs: [
          real(dims, next),
          int64s(dims.map(() => (next() < 0.1 ? 2 ** 40 : any()))),
          int64s(dims.map(() => (next() < 0.2 ? (next() < 0.5 ? 2 ** 40 : -(2 ** 40)) : any()))),
          int64s(axes),
          int64s(steps),
        ],
      };
    },
    60,
  );
  agrees('Expand', dimsOf(1, 4), (dims, next) => ({
    op: 'Expand',
    opset: 13,
    inputs: [
      real(
        dims.map((dim) => (next() < 0.5 ? 1 : dim)),
        next,
      ),
      int64s([2, ...dims]),
    ],
  }));
  agrees('Tile', dimsOf(1, 3), (dims, next) => ({
    op: 'Tile',
    opset: 13,
    inputs: [real(dims, next), int64s(dims.map(() => upTo(next, 3)))],
  }));
  agrees('Pad adds and cuts', dimsOf(1, 3, 5), (dims, next) => ({
    op: 'Pad',
    opset: 13,
    inputs: [
      real(
        dims.map((dim) => dim + 2),
        next,
      ),
      int64s([...dims, ...dims].map(() => upTo(next, 3) - 1)),
      scalar('float32', 0.5),
    ],
  }));
  agrees('Shape of a part', dimsOf(0, 4), (dims, next) => ({
    op: 'Shape',
    opset: 15,
    inputs: [real(dims, next)],
    attributes: { start: upTo(next, 10) - 5, end: upTo(next, 10) - 5 },
    outputs: ['int64'],
  }));
});

describe('indices', () => {
  agrees('Gather', dimsOf(1, 4), (dims, next) => {
    const axis = anyAxis(dims.length, next);
    const length = dims.at(axis) as number;
    const indices = whole('int64', [2, 3].slice(upTo(next, 2)), -length, length - 1, next);
    return { op: 'Gather', opset: 13, inputs: [real(dims, next), indices], attributes: { axis } };
  });
  agrees('GatherElements', dimsOf(1, 4), (dims, next) => {
    const axis = anyAxis(dims.length, next);
    const length = dims.at(axis) as number;
    const own = dims.map((dim, i) => (i === (axis + dims.length) % dims.length ? dim + 1 : dim));
    const indices = whole('int64', own, -length, length - 1, next);
    const inputs = [real(dims, next), indices];
    return { op: 'GatherElements', opset: 13, inputs, attributes: { axis } };
  });
  agrees('GatherND with batches', dimsOf(3, 4), (dims, next) => {
    const batch = upTo(next, 1);
    const width = 1 + upTo(next, 1);
    const low = Math.min(...dims.slice(batch, batch + width));
    const shape = [...dims.slice(0, batch), 3, width];
    const indices = whole('int64', shape, -low, low - 1, next);
    const attributes = { batch_dims: batch };
    return { op: 'GatherND', opset: 13, inputs: [real(dims, next), indices], attributes };
  });
  agrees('ScatterND', dimsOf(2, 3), (dims, next) => {
    const indices = tensor('int64', [2, 1], [0, (dims[0] as number) - 1]);
    const updates = real([2, ...dims.slice(1)], next);
    const attributes = { reduction: 'add' };
    return { op: 'ScatterND', opset: 16, inputs: [real(dims, next), indices, updates], attributes };
  });
  agrees('ScatterElements', dimsOf(2, 3), (dims, next) => {
    const own = dims.map((_, i) => (i === 0 ? 1 : (dims[i] as number)));
    const indices = whole('int64', own, 0, (dims[0] as number) - 1, next);
    const inputs = [real(dims, next), indices, real(own, next)];
    return { op: 'ScatterElements', opset: 16, inputs, attributes: { axis: 0 } };
  });
  agrees('OneHot', dimsOf(1, 2), (dims, next) => ({
    op: 'OneHot',
    opset: 11,
    inputs: [
      whole('int64', dims, -4, 5, next),
      scalar('int64', 4),
      tensor('float32', [2], [0.25, 3]),
    ],
    attributes: { axis: upTo(next, 1) - 1 },
    outputs: ['float32'],
  }));
  agrees('NonZero', dimsOf(1, 3), (dims, next) => ({
    op: 'NonZero',
    opset: 13,
    inputs: [whole('int64', dims, 0, 1, next)],
    outputs: ['int64'],
  }));
  agrees('Where', dimsOf(1, 3), (dims, next) => ({
    op: 'Where',
    opset: 16,
    inputs: [
      whole(
        'bool',
        dims.map((dim) => (next() < 0.4 ? 1 : dim)),
        0,
        1,
        next,
      ),
      real([2, ...dims], next),
      real(dims.slice(1), next),
    ],
    outputs: ['float32'],
  }));
});

describe('reductions', () => {
  const names = ['Mean', 'Sum', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSumExp'];
  for (const name of names) {
    agrees(`Reduce${name}`, dimsOf(1, 4), (dims, next) => {
      const axis = anyAxis(dims.length, next);
      const axes = next() < 0.2 ? null : [axis];
      const old = next() < 0.5 && name !== 'Sum';
      const attributes = {
        keepdims: flag(next),
        ...(old ? (axes ? { axes } : {}) : { noop_with_empty_axes: flag(next) }),
      };
      const inputs = [real(dims, next), ...(old || !axes ? [] : [int64s(axes)])];
      return { op: `Reduce${name}`, opset: old ? 11 : 18, inputs, attributes };
    });
  }
  agrees('ReduceMean over inner axes', dimsOf(3, 4), (dims, next) => ({
    op: 'ReduceMean',
    opset: 18,
    inputs: [real(dims, next), int64s([0, -1])],
    attributes: { keepdims: flag(next) },
  }));
  agrees('ArgMax', dimsOf(1, 3), (dims, next) => ({
    op: 'ArgMax',
    opset: 13,
    inputs: [
      tensor(
        'float32',
        dims,
        Array.from({ length: sizeOf(dims) }, () => upTo(next, 2)),
      ),
    ],
    attributes: {
      axis: anyAxis(dims.length, next),
      keepdims: flag(next),
      select_last_index: flag(next),
    },
    outputs: ['int64'],
  }));
  agrees('CumSum', dimsOf(1, 3), (dims, next) => ({
    op: 'CumSum',
    opset: 14,
    inputs: [real(dims, next), scalar('int64', anyAxis(dims.length, next))],
    attributes: { exclusive: flag(next), reverse: flag(next) },
  }));
  for (const op of ['Softmax', 'LogSoftmax']) {
    agrees(
      `${op}, one axis since opset 13, all behind it before`,
      dimsOf(2, 4),
      (dims, next) => {
        const opset = next() < 0.5 ? 11 : 13;
        const axis = next() < 0.2 ? {} : { axis: anyAxis(dims.length, next) };
        return { op, opset, inputs: [real(dims, next)], attributes: axis };
      },
      30,
    );
  }
});

describe('elements', () => {
  const pairs = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow', 'PRelu'];
  for (const op of pairs) {
    agrees(`${op} broadcasts`, dimsOf(1, 4), (dims, next) => {
      const first = dims.map((dim) => (next() < 0.3 && op !== 'PRelu' ? 1 : dim));
      const second = dims.slice(upTo(next, dims.length)).map((dim) => (next() < 0.3 ? 1 : dim));
      const a = real(first, next);
      const base = { ...a, data: a.data.map(Math.abs) as Float32Array };
      return { op, opset: 13, inputs: [op === 'Pow' ? base : a, real(second, next)] };
    });
  }
  agrees('Div of integers truncates', dimsOf(1, 2), (dims, next) => ({
    op: 'Div',
    opset: 14,
    inputs: [whole('int64', dims, -20, 20, next), whole('int64', dims, -4, -1, next)],
  }));
  agrees('Mod of integers has the sign of the divisor', dimsOf(1, 2), (dims, next) => ({
    op: 'Mod',
    opset: 13,
    inputs: [whole('int64', dims, -20, 20, next), whole('int64', dims, -4, -1, next)],
  }));
  agrees('Mod with fmod', dimsOf(1, 2), (dims, next) => ({
    op: 'Mod',
    opset: 13,
    inputs: [real(dims, next, 20), real(dims, next, 3)],
    attributes: { fmod: 1 },
    tolerance: 1e-5,
  }));
  for (const op of ['Equal', 'Less', 'GreaterOrEqual']) {
    agrees(op, dimsOf(1, 3), (dims, next) => ({
      op,
      opset: 16,
      inputs: [whole('int64', dims, 0, 3, next), whole('int64', dims.slice(1), 0, 3, next)],
      outputs: ['bool'],
    }));
  }
  agrees('Clip by inputs', dimsOf(1, 3), (dims, next) => ({
    op: 'Clip',
    opset: 13,
    inputs: [real(dims, next), next() < 0.5 ? null : scalar('float32', -0.5), scalar('float32', 1)],
  }));
  agrees('Clip by attributes', dimsOf(1, 3), (dims, next) => ({
    op: 'Clip',
    opset: 6,
    inputs: [real(dims, next)],
    attributes: { min: { float: -0.25 } },
  }));
  agrees('Round goes to even', dimsOf(1, 3), (dims, next) => ({
    op: 'Round',
    opset: 11,
    inputs: [
      tensor(
        'float32',
        dims,
        Array.from({ length: sizeOf(dims) }, () => upTo(next, 12) / 2 - 3),
      ),
    ],
  }));
  agrees('Trilu', dimsOf(2, 3), (dims, next) => ({
    op: 'Trilu',
    opset: 14,
    inputs: [real(dims, next), scalar('int64', upTo(next, 4) - 2)],
    attributes: { upper: flag(next) },
  }));
  agrees('Range', dimsOf(0, 0), (_, next) => ({
    op: 'Range',
    opset: 11,
    inputs: [
      scalar('int64', upTo(next, 10) - 5),
      scalar('int64', upTo(next, 10) - 5),
      scalar('int64', next() < 0.5 ? 2 : -1),
    ],
  }));
  for (const [to, dtype] of [
    [7, 'int64'],
    [6, 'int32'],
    [9, 'bool'],
    [1, 'float32'],
  ] as const) {
    agrees(`Cast to ${dtype}`, dimsOf(1, 2), (dims, next) => ({
      op: 'Cast',
      opset: 13,
      inputs: [real(dims, next, 9)],
      attributes: { to },
      outputs: [dtype],
    }));
  }
  agrees('Cast of integers wraps', dimsOf(1, 2), (dims, next) => ({
    op: 'Cast',
    opset: 13,
    inputs: [whole('int32', dims, -400, 400, next)],
    attributes: { to: 3 },
    outputs: ['int8'],
  }));
  const activations = ['Erf', 'Tanh', 'Sigmoid', 'Relu', 'Softplus', 'Elu', 'HardSigmoid', 'Exp'];
  for (const op of [...activations, 'Mish', 'LeakyRelu', 'HardSwish', 'Sin', 'Cos', 'Reciprocal']) {
    const old = op === 'HardSwish' ? 14 : 18;
    agrees(
      op,
      dimsOf(1, 2),
      (dims, next) => ({ op, opset: old, inputs: [real(dims, next, 4)], tolerance: 1e-6 }),
      4,
    );
  }
});
