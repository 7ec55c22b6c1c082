/**
 * The plain form of an ONNX graph, which `toPlain` returns and recovery reads.
 *
 * It is the same computation in float32 and standard operators, in one spelling each, that of a base exporter:
 *
 *   products      MatMul(x, w) + Add; a constant right operand is an initializer [in, out]. No Gemm, no fused products.
 *   layer norm    LayerNormalization(x, scale, bias?) axis -1, epsilon written; scale and bias are initializers [width].
 *   RMS norm      RMSNormalization(x, scale) axis -1, epsilon written.
 *   GELU          Gelu(approximate 'none' | 'tanh').
 *   quick GELU    Swish(alpha 1.702).
 *   SiLU          Mul(x, Sigmoid(x)). x * sigmoid(alpha x) is SiLU between scaled products.
 *   attention     Reshape, Transpose, MatMul, Mul by the scale, Add of a bias, Softmax(axis -1), MatMul, Transpose, Reshape.
 *   projections   the merged QKV weight of a fused node is cut into three initializers, for three products.
 *   Q/DQ          removed; a quantized weight is a float initializer with an entry in `quantized`.
 *   containers    removed: functions, Constant, Identity (but from an input to an output), Dropout, Cast between float types.
 *   constants     values that depend on no input are initializers, except lookups, norms and products of a float table.
 *
 * Semantics are those of opset 18: axes, split sizes and slice bounds are inputs, Softmax has one axis (negative where the
 * rank is known). An operator that no rule knows stays as it is, and recovery refuses it by name.
 */

import type { OnnxGraph, OnnxModel } from '../model.js';
import type { StoredView } from '../stored-view.js';

/** Operator sets of a plain graph, for the reference evaluator. Its newest operator (Swish) is of opset 24. */
export const PLAIN_OPSETS: ReadonlyMap<string, number> = new Map([['', 24]]);

/** The operators that may occur in a plain graph of a supported model, all in the domain ''. */
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
 * Codes of a weight whose float initializer is (code - zeroPoint) * scale. `dims` and the order of the codes are those of the
 * initializer.
 */
export interface QuantizedWeight {
  readonly dims: readonly number[];
  readonly bits: 4 | 8;
  /** Whether codes are signed (int8, int4). */
  readonly signed: boolean;
  /** Axis of the scales: one scale per index, or per block of `blockSize` indices. null: one scale for the whole weight. */
  readonly axis: number | null;
  /**
   * Size of a block; null without blocks. With blocks, the scales have the shape `dims` with ceil(dims[axis] / blockSize) at
   * `axis`.
   */
  readonly blockSize: number | null;
  readonly scales: Float32Array;
  /** One for each scale; all 0 when the weight is symmetric. */
  readonly zeroPoints: Int32Array;
  /** Reads the codes, one byte per element also for four bits. Do not change the result. */
  readonly readCodes: () => Int8Array | Uint8Array;
  /** Reads the codes of elements [begin, end); missing where the file does not allow that without reading the others. */
  readonly readCodeRange?: (begin: number, end: number) => Int8Array | Uint8Array;
  /** Location of the codes in the file; undefined where strides cannot express it. */
  readonly view?: StoredView | undefined;
}

/** How the file quantized an activation before the products that read it. */
export interface ActivationQuantization {
  /** `dynamic`: the range is computed in each run; `static`: the scale is in the file. */
  readonly kind: 'dynamic' | 'static';
  readonly signed: boolean;
  readonly bits: 4 | 8 | 16;
  /** Scale and zero point when `kind` is `static`. */
  readonly scale?: number;
  readonly zeroPoint?: number;
}

/** Effect of one rule on the graph. */
export interface AppliedRule {
  readonly rule: string;
  readonly count: number;
  /** The first nodes it rewrote, as `name (Operator)`; at most eight. */
  readonly nodes: readonly string[];
}

export interface PlainModel {
  /** The model as read. */
  readonly source: OnnxModel;
  /** The rewritten graph. Its inputs and outputs keep their names; their float types become float32. */
  readonly graph: OnnxGraph;
  /** Codes by name of the float initializer in `graph`. */
  readonly quantized: ReadonlyMap<string, QuantizedWeight>;
  /** Notes by name of the value in `graph` that was quantized. */
  readonly activations: ReadonlyMap<string, ActivationQuantization>;
  /** 16-bit type that weights or values had in the file; null for none. */
  readonly half: 'float16' | 'bfloat16' | null;
  readonly applied: readonly AppliedRule[];
}
