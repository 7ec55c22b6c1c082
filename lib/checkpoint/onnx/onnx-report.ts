/**
 * What an ONNX import found and did: for `sinter inspect`, and for whoever wants to know before trusting a file.
 */

import type { AppliedRule, PlainModel } from '../../formats/onnx/import/index.js';
import type { OnnxContents } from './onnx-contents.js';
import type { Verification } from './verify-onnx.js';

export interface OnnxReport {
  readonly file: string;
  /** Of all files that hold the model. */
  readonly bytes: number;
  readonly producer: string;
  readonly irVersion: number;
  /** Domain -> version. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Nodes of the file, and of its plain form. */
  readonly nodes: number;
  readonly plainNodes: number;
  /** Rewrites on the way to the plain form. */
  readonly rules: readonly AppliedRule[];
  /** model_type; `sinter_graph` where no family of encoders computes the same. */
  readonly family: string;
  /** Where no family fits: what each would compute otherwise. */
  readonly why: readonly string[];
  readonly task: string;
  /** Input of the file -> what it is. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Output of the file -> what it is here. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Outputs of the file that were left out. */
  readonly ignored: readonly string[];
  /** What was folded, filled in or taken for something. */
  readonly notes: readonly string[];
  /** Weights that stay int8, of all that the file has as integers. */
  readonly int8Weights: number;
  readonly quantizedWeights: number;
  readonly half: 'float16' | 'bfloat16' | null;
  /** null: it was switched off. */
  readonly verification: Verification | null;
  /** Whether what was recovered came from the cache: then it was verified when it was written. */
  readonly cached: boolean;
  /** Milliseconds. */
  readonly times: { readonly read: number; readonly recover: number };
}

/** What is said of the file itself, and of its plain form: the cache keeps it. */
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
  /** Of the file, as it says them. */
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

/** Milliseconds; `recover` is null where that was not needed. */
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
