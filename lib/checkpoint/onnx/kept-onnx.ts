/**
 * An entry of the cache of ONNX files: the recovered model, the location of its weights, and the verified graphs.
 *
 * An entry that is read is hostile, because anybody who can write to the folder may have written it: a malformed one counts
 * as missing.
 */

import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from '../../core/json.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import {
  type KnownMatrices,
  type OnnxContents,
  readContents,
  writeContents,
} from './onnx-contents.js';
import type { FileFacts } from './onnx-report.js';
import { type StoredMatrices, writeMatrices } from './stored-weights.js';
import type { Verification } from './verify-onnx.js';

/** Most verified graphs of one file: there is one for each task and pooling. */
const MAX_VERIFIED = 16;
const MAX_FILES = 1024;

/** A file of external data, as the model names it, and the digest of its content. */
export interface ExternalFile {
  readonly name: string;
  readonly digest: string;
}

export interface KeptOnnx {
  readonly contents: OnnxContents;
  readonly facts: FileFacts;
  readonly verified: ReadonlyMap<string, Verification>;
  readonly external: readonly ExternalFile[];
  /** Location of the weights; null where they are not read as stored in the file. */
  readonly matrices: StoredMatrices | null;
}

/** Key of a verified graph, including which outputs are the caller's own. */
export function graphKey(graph: EncoderGraph, replaced: readonly OutputName[]): string {
  return createHash('sha256')
    .update(JSON.stringify([graph, replaced]))
    .digest('hex');
}

export function withVerified(kept: KeptOnnx, name: string, verification: Verification): KeptOnnx {
  const all = [...kept.verified, [name, verification] as const];
  return { ...kept, verified: new Map(all.slice(-MAX_VERIFIED)) };
}

export function writeKept({ contents, facts, verified, external, matrices }: KeptOnnx): string {
  return JSON.stringify({
    contents: writeContents(contents),
    verified: Object.fromEntries(verified),
    facts,
    external,
    matrices: matrices && writeMatrices(matrices),
  });
}

/** A parsed entry whose contents are still unchecked: checking needs the file's matrices. */
export interface KeptText {
  readonly facts: FileFacts;
  readonly verified: ReadonlyMap<string, Verification>;
  readonly external: readonly ExternalFile[];
  /** Unchecked; null where weights are not read as stored in the file. */
  readonly matrices: JsonValue;
  readonly contents: (known: KnownMatrices) => OnnxContents | null;
}

/** Parses an entry; null when it is malformed. */
export function readKept(text: string): KeptText | null {
  const { contents, facts, verified, external, matrices } = parseJsonObject(text, 'the cache');
  const read = {
    facts: factsFrom(facts),
    verified: verifiedFrom(verified),
    external: externalFrom(external),
  };
  if (read.facts === null || read.verified === null || read.external === null) return null;
  if (matrices === undefined) return null;
  return {
    facts: read.facts,
    verified: read.verified,
    external: read.external,
    matrices,
    contents: (known) => readContents(contents, known),
  };
}

function verifiedFrom(value: JsonValue | undefined): Map<string, Verification> | null {
  if (!isJsonObject(value)) return null;
  const verified = new Map<string, Verification>();
  for (const [name, entry] of Object.entries(value)) {
    const { outputs, difference, tolerance, notes, ms } = (entry ?? {}) as Partial<Verification>;
    const numbers = [difference, tolerance, ms].every((number) => Number.isFinite(number));
    if (!numbers || !isTexts(outputs) || !isTexts(notes)) return null;
    verified.set(name, entry as unknown as Verification);
  }
  return verified;
}

function externalFrom(value: JsonValue | undefined): ExternalFile[] | null {
  if (!Array.isArray(value) || value.length > MAX_FILES) return null;
  const files = value as readonly JsonValue[];
  const known = files.every(
    (file) =>
      isJsonObject(file) && typeof file.name === 'string' && typeof file.digest === 'string',
  );
  return known ? (files as unknown as ExternalFile[]) : null;
}

function factsFrom(value: JsonValue | undefined): FileFacts | null {
  if (!isJsonObject(value)) return null;
  const { bytes, producer, irVersion, opsets, nodes, plainNodes, rules, half } = value;
  const { quantizedWeights, metadata } = value;
  const counts = [bytes, irVersion, nodes, plainNodes, quantizedWeights];
  if (!counts.every(Number.isSafeInteger) || typeof producer !== 'string') return null;
  if (!isNames(opsets, 'number') || !isNames(metadata, 'string')) return null;
  if (half !== null && half !== 'float16' && half !== 'bfloat16') return null;
  if (!Array.isArray(rules) || !(rules as readonly JsonValue[]).every(isRule)) return null;
  return value as unknown as FileFacts;
}

function isRule(value: JsonValue): boolean {
  const { rule, count, nodes } = isJsonObject(value) ? value : ({} as JsonObject);
  return typeof rule === 'string' && Number.isSafeInteger(count) && isTexts(nodes);
}

function isNames(value: JsonValue | undefined, type: 'number' | 'string'): boolean {
  return isJsonObject(value) && Object.values(value).every((entry) => typeof entry === type);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
