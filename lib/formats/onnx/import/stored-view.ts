/**
 * Location of an initializer's numbers in the model's files, as a strided view: transposed and cut weights stay views of the
 * stored ones, and can be found again without a copy.
 *
 * A view gives the same numbers as the initializer's `read`. A tensor that strides cannot express has no view, and is read
 * through the graph.
 */

/** Element types that a weight may be stored as. */
export const VIEW_DTYPES = ['float32', 'float16', 'bfloat16', 'int8', 'uint8'] as const;

export type ViewDtype = (typeof VIEW_DTYPES)[number];

/**
 * Element [i, j ...] is number `start + i * strides[0] + j * strides[1] ...` of the numbers that begin at byte `begin` of the
 * file.
 */
export interface StoredView {
  /** Name of the file, as external data names it; '' for the model's own file. */
  readonly file: string;
  readonly begin: number;
  readonly dtype: ViewDtype;
  readonly start: number;
  readonly strides: readonly number[];
}

export type MaybeView = StoredView | undefined;

/** View of a tensor of `dims` stored in row-major order from byte `begin` on; undefined for other element types. */
export function wholeView(
  file: string,
  begin: number,
  dtype: string,
  dims: readonly number[],
): MaybeView {
  const known = VIEW_DTYPES.find((one) => one === dtype);
  return known && { file, begin, dtype: known, start: 0, strides: rowMajor(dims) };
}

function rowMajor(dims: readonly number[]): number[] {
  return dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1));
}

export function transposedView(view: MaybeView, perm: readonly number[]): MaybeView {
  return view && { ...view, strides: perm.map((from) => view.strides[from] ?? 0) };
}

/** View of the indices of an axis from `begin` on. */
export function slicedView(view: MaybeView, axis: number, begin: number): MaybeView {
  return view && { ...view, start: view.start + begin * (view.strides[axis] ?? 0) };
}

/** View with other dims in the same order; undefined where the elements of `view` do not lie in row-major order. */
export function reshapedView(
  view: MaybeView,
  from: readonly number[],
  to: readonly number[],
): MaybeView {
  const inOrder = rowMajor(from).every(
    (stride, axis) => from[axis] === 1 || stride === view?.strides[axis],
  );
  return view && inOrder ? { ...view, strides: rowMajor(to) } : undefined;
}
