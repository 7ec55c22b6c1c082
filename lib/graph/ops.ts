/** The table of operations, one row for each. A new operation needs a file in ops/ and a row here. */

import { activation } from './ops/activation.js';
import { add } from './ops/add.js';
import { attention } from './ops/attention.js';
import { concat } from './ops/concat.js';
import { dropout } from './ops/dropout.js';
import { embedding } from './ops/embedding.js';
import { features } from './ops/features.js';
import { gate } from './ops/gate.js';
import { linear } from './ops/linear.js';
import { norm } from './ops/norm.js';
import { normalize } from './ops/normalize.js';
import { parameter } from './ops/parameter.js';
import { pool } from './ops/pool.js';
import type { AnyNode, OpRow } from './ops/row.js';
import { scale } from './ops/scale.js';
import { select } from './ops/select.js';

export const OPS = {
  embedding,
  norm,
  linear,
  attention,
  dropout,
  pool,
  normalize,
  parameter,
  add,
  gate,
  concat,
  scale,
  select,
  activation,
  features,
} as const;

export type OpName = keyof typeof OPS;

type NodeOfRow<Row> = Row extends OpRow<infer Node> ? Node : never;

/** A node of any operation. */
export type GraphNode = { [Op in OpName]: NodeOfRow<(typeof OPS)[Op]> }[OpName];

/** A node of the given operation. */
export type NodeOf<Op extends OpName> = Extract<GraphNode, { op: Op }>;

/** The row of an operation; undefined if there is no operation of this name. */
export function rowOf(op: string): OpRow<AnyNode> | undefined {
  return Object.hasOwn(OPS, op) ? (OPS[op as OpName] as unknown as OpRow<AnyNode>) : undefined;
}
