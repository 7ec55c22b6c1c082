/**
 * Lowers embedding, parameter and concat: the operations that begin a graph or join values side by side.
 *
 * Padding gets rows too; nothing reads them. Positions count from the first token, because padding stands on the right.
 */

import { SinterError } from '../../core/errors.js';
import type { NodeOf } from '../../graph/ops.js';
import type { EmbeddingNode, EncoderGraph } from '../../graph/types.js';
import { INPUT_IDS, type Lowering, type Lowerings, TOKEN_TYPE_IDS } from './lowering.js';

type Table = EmbeddingNode['tables'][number];

/** Writes the sum of the rows that the tables give each token. */
function lowerEmbedding(lowering: Lowering, node: EmbeddingNode, { segments }: EncoderGraph): void {
  const { builder } = lowering;
  const [first, ...rest] = node.tables;
  if (first === undefined) {
    throw new SinterError('INTERNAL', `ONNX export: embedding "${node.output}" has no table`);
  }
  const { width } = lowering.weights.spec(first.weight, 2);
  // A token table comes first so that the sum has a batch axis from its first term on.
  const tables = [first, ...rest].sort((a, b) => rank(a) - rank(b));
  const rows = tables.map((table) => lookUp(lowering, table, node.output, segments));
  let sum = rows[0] ?? '';
  for (const [i, row] of rows.slice(1).entries()) {
    const last = i === rows.length - 2;
    const name = last ? lowering.nameOf(node.output) : builder.fresh(`${node.output}/sum`);
    sum = builder.node('Add', [sum, row], name);
  }
  if (rows.length === 1) sum = builder.node('Identity', [sum], lowering.nameOf(node.output));
  lowering.set(node.output, 'token', sum, width);
}

function rank(table: Table): number {
  return table.index === 'token' ? 0 : table.index === 'segment' ? 1 : 2;
}

/** Rows of one table as floats: [batch, sequence, width], or [sequence, width] for positions. */
function lookUp(lowering: Lowering, table: Table, output: string, segments: number): string {
  const { builder, weights } = lowering;
  const pick = (constant: string, name: string): string => {
    const made = builder.fresh(`${output}/${table.index}${name}`);
    if (table.index === 'position') return positionRows(lowering, constant, table.offset, made);
    return builder.node('Gather', [constant, rowIndex(lowering, table, segments)], made);
  };
  const quantized = weights.spec(table.weight, 2).dtype === 's8' && lowering.keepsIntegers;
  if (!quantized) return pick(weights.table(table.weight), '');
  const { name, zeroPoint } = weights.integerTable(table.weight);
  const integers = pick(name, '_i8');
  const scales = pick(weights.columnScales(table.weight), '_scale');
  const { floatType } = builder;
  const floats = builder.cast(integers, floatType, builder.fresh(`${output}/${table.index}_f32`));
  const centred =
    zeroPoint === 0
      ? floats
      : builder.step('Sub', [floats, builder.float(zeroPoint)], `${output}/${table.index}_codes`);
  return builder.step('Mul', [centred, scales], `${output}/${table.index}`);
}

function rowIndex(lowering: Lowering, table: Table, segments: number): string {
  const { builder } = lowering;
  const isRow = table.index === 'row' || (table.index === 'segment' && segments < 2);
  if (isRow) return builder.int64(table.offset);
  const ids = table.index === 'token' ? INPUT_IDS : TOKEN_TYPE_IDS;
  if (table.offset === 0) return ids;
  return builder.step('Add', [ids, builder.int64(table.offset)], `${ids}/shifted`);
}

/** Rows offset ... offset + sequence of a constant. */
function positionRows(
  lowering: Lowering,
  constant: string,
  offset: number,
  output: string,
): string {
  const { builder } = lowering;
  const [end = ''] = lowering.once(`positions from ${offset}`, () => {
    const length = lowering.sequenceLength();
    if (offset === 0) return [length];
    return [builder.step('Add', [length, builder.int64s(offset)], 'input_ids/sequence_end')];
  });
  const bounds = [builder.int64s(offset), end, builder.int64s(0)];
  return builder.node('Slice', [constant, ...bounds], output);
}

/** Makes a weight a value that does not depend on the texts. */
function lowerParameter(lowering: Lowering, node: NodeOf<'parameter'>): void {
  const { width } = lowering.weights.spec(node.weight, 2);
  const type = lowering.typeOf('table');
  const rows = lowering.constantAs(lowering.weights.table(node.weight), type);
  lowering.set(node.output, 'table', rows, width, type);
}

function lowerConcat(lowering: Lowering, node: NodeOf<'concat'>): void {
  // In an f16 file poolings and tables are f32; a concatenation with one of them is f32 too.
  const type = node.inputs.some((input) => lowering.value(input).type === 'float')
    ? 'float'
    : lowering.builder.floatType;
  const wholes = node.inputs.map((input) => lowering.whole(input, type));
  const kind = wholes[0]?.kind ?? 'sequence';
  if (!lowering.isOutput(node.output)) {
    // Attention reads query, key and value apart; any other reader joins the parts.
    lowering.setParts(node.output, kind, wholes, type);
    return;
  }
  const name = lowering.nameOf(node.output, type);
  const names = wholes.map((whole) => whole.name);
  lowering.builder.concat(names, name);
  const width = wholes.reduce((sum, whole) => sum + whole.width, 0);
  lowering.set(node.output, kind, name, width, type);
}

export const EMBEDDING_LOWERINGS = {
  embedding: lowerEmbedding,
  parameter: lowerParameter,
  concat: lowerConcat,
} satisfies Partial<Lowerings>;
