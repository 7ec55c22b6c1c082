/**
 * The plain form of an ONNX graph: what `toPlain` gives and the recogniser reads.
 *
 * The same computation in float32 and standard operators, spelled as a base exporter would, in one spelling each:
 *
 *   products      MatMul(x, w) + Add; a constant right operand is an initializer [in, out]. No Gemm, no fused products.
 *   layer norm    LayerNormalization(x, scale, bias?) axis -1, epsilon written; scale and bias are initializers [width].
 *   RMS norm      RMSNormalization(x, scale) axis -1, epsilon written.
 *   GELU          Gelu(approximate 'none' | 'tanh').
 *   quick GELU    Swish(alpha 1.702).
 *   SiLU          Mul(x, Sigmoid(x)). With another alpha it is SiLU between products that are scaled for it.
 *   attention     Reshape, Transpose, MatMul, Mul by the scale, Add of a bias, Softmax(axis -1), MatMul, Transpose, Reshape.
 *   projections   a fused node's merged QKV weight is cut in three initializers, three products.
 *   Q/DQ          gone; a quantized weight is a float initializer that `quantized` has an entry for.
 *   containers    no functions, Constant, Identity (but from an input to an output), Dropout, Cast between float types.
 *   constants     what depends on no input is an initializer, except lookups, norms and products of a float table, which stay.
 *
 * Semantics are those of opset 18: axes, split sizes and slice bounds are inputs, Softmax has one axis (negative where the
 * rank is known). An operator that no rule knows stays as it is and the recogniser refuses it by name.
 */

import type { OnnxGraph, OnnxModel } from '../model.js';
import type { StoredView } from '../stored-view.js';

/** For the reference evaluator. The newest operator of the plain form (Swish) is of opset 24. */
export const PLAIN_OPSETS: ReadonlyMap<string, number> = new Map([['', 24]]);

/** The operators that a plain graph of a supported model is made of; all in the domain ''. */
export const PLAIN_OPERATORS: ReadonlySet<string> = new Set([
  // arithmetic
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Pow',
    'Sqrt',
    'Reciprocal',
    'Neg',
    'Abs',
    'Exp',
    'Log',
    'Sign',
    'Ceil',
    'Floor',
  ],
  ...[
    'Round',
    'Mod',
    'Min',
    'Max',
    'Clip',
    'Sin',
    'Cos',
    'IsNaN',
    'IsInf',
    'CumSum',
    'Einsum',
    'Sum',
    'Mean',
  ],
  // layers
  ...[
    'MatMul',
    'LayerNormalization',
    'RMSNormalization',
    'Gelu',
    'Erf',
    'Tanh',
    'Relu',
    'Sigmoid',
    'Softmax',
    'LogSoftmax',
    'Swish',
  ],
  // reductions
  ...[
    'ReduceMean',
    'ReduceSum',
    'ReduceMax',
    'ReduceMin',
    'ReduceProd',
    'ReduceL2',
    'ReduceSumSquare',
    'ArgMax',
    'ArgMin',
  ],
  // layout
  ...[
    'Reshape',
    'Transpose',
    'Squeeze',
    'Unsqueeze',
    'Flatten',
    'Expand',
    'Tile',
    'Concat',
    'Split',
    'Slice',
    'Pad',
  ],
  ...[
    'Gather',
    'GatherElements',
    'GatherND',
    'ScatterND',
    'ScatterElements',
    'Trilu',
    'NonZero',
    'OneHot',
    'Identity',
  ],
  // shapes, comparisons, choice
  ...[
    'Shape',
    'Size',
    'ConstantOfShape',
    'Range',
    'Cast',
    'Where',
    'Equal',
    'Greater',
    'GreaterOrEqual',
    'Less',
  ],
  ...['LessOrEqual', 'Not', 'And', 'Or', 'Xor', 'If'],
]);

/**
 * The integers of a weight whose float initializer is (code - zeroPoint) * scale. `dims` are those of the initializer and the
 * order of the codes is its order.
 */
export interface QuantizedWeight {
  readonly dims: readonly number[];
  readonly bits: 4 | 8;
  /** Whether codes are int8/int4 or uint8/uint4. */
  readonly signed: boolean;
  /** The axis that scales run along: one scale per index of it, or per block of `blockSize` indices. null: one scale in all. */
  readonly axis: number | null;
  /** With blocks every index of the other axes has its own scales: their shape is dims with ceil(dims[axis] / blockSize) at `axis`. */
  readonly blockSize: number | null;
  readonly scales: Float32Array;
  /** As many as scales; all 0 when the weight is symmetric. */
  readonly zeroPoints: Int32Array;
  /** One code an element (four bits in a byte of its own). Not to be changed. */
  readonly readCodes: () => Int8Array | Uint8Array;
  /** Those of the elements [begin, end), where the file allows it without reading the others. */
  readonly readCodeRange?: (begin: number, end: number) => Int8Array | Uint8Array;
  /** Where the codes lie in the file, where strides can say it. */
  readonly view?: StoredView | undefined;
}

/** How the file quantized an activation before the products that read it. */
export interface ActivationQuantization {
  /** `dynamic`: range of each run; `static`: the scale is in the file. */
  readonly kind: 'dynamic' | 'static';
  readonly signed: boolean;
  readonly bits: 4 | 8 | 16;
  /** Of a static one. */
  readonly scale?: number;
  readonly zeroPoint?: number;
}

/** What one rule did, in the order of the rules. */
export interface AppliedRule {
  readonly rule: string;
  readonly count: number;
  /** The first nodes it rewrote, as `name (Operator)`; at most eight. */
  readonly nodes: readonly string[];
}

export interface PlainModel {
  /** The file's model as read. */
  readonly source: OnnxModel;
  /** Value names of inputs and outputs are those of the file; their float types read float32. */
  readonly graph: OnnxGraph;
  /** By the name of the float initializer in `graph`. */
  readonly quantized: ReadonlyMap<string, QuantizedWeight>;
  /** By the name of the value in `graph` that was quantized. */
  readonly activations: ReadonlyMap<string, ActivationQuantization>;
  /** 16-bit type of weights or values in the file, now widened; null for none. */
  readonly half: 'float16' | 'bfloat16' | null;
  readonly applied: readonly AppliedRule[];
}
