/**
 * The report of an ONNX import, for `sinter inspect` and for callers who check an import before they trust it.
 */

import type { AppliedRule, PlainModel } from '../../formats/onnx/import/index.js';
import type { OnnxContents } from './onnx-contents.js';
import type { Verification } from './verify-onnx.js';

/** What an ONNX file holds, how it was read, and how the result was verified. */
export interface OnnxReport {
  /** Path of the file. */
  readonly file: string;
  /** Total bytes of all files that hold the model. */
  readonly bytes: number;
  /** Name and version of the program that wrote the file. */
  readonly producer: string;
  /** IR version of the ONNX format. */
  readonly irVersion: number;
  /** Version of the operator set, by domain. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Number of nodes in the file. */
  readonly nodes: number;
  /** Number of nodes of the plain form. */
  readonly plainNodes: number;
  /** Rewrites on the way to the plain form. */
  readonly rules: readonly AppliedRule[];
  /** model_type of the family; `sinter_graph` when no family computes the same. */
  readonly family: string;
  /** Differences from each family when none fits. */
  readonly why: readonly string[];
  /** What the model is for: embedding, classification ... */
  readonly task: string;
  /** Role of each input of the file. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Role of each output of the file. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Names of the file's outputs that were left out. */
  readonly ignored: readonly string[];
  /** Notes on parts that were folded, filled in or interpreted. */
  readonly notes: readonly string[];
  /** Number of weights that stay int8. */
  readonly int8Weights: number;
  /** Number of weights that are integers in the file. */
  readonly quantizedWeights: number;
  /** Type of the 16-bit floats in the file; null if there are none. */
  readonly half: 'float16' | 'bfloat16' | null;
  /** null when verification was switched off. */
  readonly verification: Verification | null;
  /** Whether the recovered model came from the cache; it was verified before it was cached. */
  readonly cached: boolean;
  /** Milliseconds taken. */
  readonly times: { readonly read: number; readonly recover: number };
}

/** Facts about the file itself and its plain form, which the cache keeps. */
export type FileFacts = Pick<
  OnnxReport,
  | 'bytes'
  | 'producer'
  | 'irVersion'
  | 'opsets'
  | 'nodes'
  | 'plainNodes'
  | 'rules'
  | 'quantizedWeights'
  | 'half'
> & {
  /** Metadata of the file, unchanged. */
  readonly metadata: Readonly<Record<string, string>>;
};

export function factsOf(plain: PlainModel): FileFacts {
  const { source } = plain;
  return {
    bytes: source.bytes,
    producer: source.producer,
    irVersion: source.irVersion,
    opsets: Object.fromEntries([...source.opsets].map(([domain, v]) => [domain || 'ai.onnx', v])),
    nodes: source.graph.nodes.length,
    plainNodes: plain.graph.nodes.length,
    rules: plain.applied,
    quantizedWeights: plain.quantized.size,
    half: plain.half,
    metadata: Object.fromEntries(source.metadata),
  };
}

/** Milliseconds; `recover` is null when no recovery was needed. */
export interface ImportTimes {
  readonly read: number;
  readonly recover: number | null;
}

export function reportOf(
  file: string,
  { config, head, found }: OnnxContents,
  { metadata: _, ...facts }: FileFacts,
  int8Weights: number,
  times: ImportTimes,
): Omit<OnnxReport, 'verification'> {
  return {
    file,
    ...facts,
    family: String(config.model_type),
    why: found.why,
    task: head.task,
    inputs: found.inputs,
    outputs: found.outputs,
    ignored: found.ignored,
    notes: found.notes,
    int8Weights,
    cached: times.recover === null,
    times: { read: times.read, recover: times.recover ?? 0 },
  };
}
