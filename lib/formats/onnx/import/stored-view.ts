/**
 * Where the numbers of an initializer lie in the model's files: strided, so that a transposed or cut weight needs no numbers of its
 * own to be found again.
 *
 * A view says the same numbers as the initializer's `read`. What no strides can say has none, and is read through the graph.
 */

/** Element types that a weight may be stored as. */
export const VIEW_DTYPES = ['float32', 'float16', 'bfloat16', 'int8', 'uint8'] as const;

export type ViewDtype = (typeof VIEW_DTYPES)[number];

/** Element [i, j ...] is number `start + i * strides[0] + j * strides[1] ...` of those from byte `begin` of the file on. */
export interface StoredView {
  /** As external data names it; '' for the model's own file. */
  readonly file: string;
  readonly begin: number;
  readonly dtype: ViewDtype;
  readonly start: number;
  readonly strides: readonly number[];
}

export type MaybeView = StoredView | undefined;

/** Of a tensor of `dims` that lies row by row from byte `begin` on. */
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

/** From index `begin` of an axis on. */
export function slicedView(view: MaybeView, axis: number, begin: number): MaybeView {
  return view && { ...view, start: view.start + begin * (view.strides[axis] ?? 0) };
}

/** Other dims for the same order; undefined where the elements do not lie in it. */
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
