/**
 * The reference encoders of test/fixtures/encoders and ../shared: their batch, their expected numbers, and a program to compare.
 *
 * Expected tensors are padded; padded positions are undefined and dropped here.
 */

import { readFileSync } from 'node:fs';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import { openSafetensors, type SafetensorsFile } from '../../lib/formats/safetensors.js';
import type { OutputName } from '../../lib/graph/types.js';
import type { LossKind, LossTerm } from '../../lib/native/losses.js';
import type { NativeProgram, TokenBatch } from '../../lib/native/program.js';
import { outputWidth, runBatch } from '../../lib/runtime/forward.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { deriveProgram } from '../../lib/runtime/program.js';
import { ENCODERS, encoderFolder } from '../architectures/encoders.js';

export interface TrainLog {
  readonly steps: number;
  readonly lr: number;
  readonly weight_decay: number;
  readonly decayed: readonly string[];
  readonly losses: readonly number[];
  readonly grad_norms: readonly number[];
  readonly loss_after: number;
}

export interface ClipLog extends Pick<TrainLog, 'steps' | 'lr' | 'losses' | 'grad_norms'> {
  readonly warmup_steps: number;
  readonly max_grad_norm: number;
  readonly lrs: readonly number[];
  readonly loss_after: number;
}

interface GoldenJson {
  readonly lengths: readonly number[];
  readonly batch: {
    readonly input_ids: readonly (readonly number[])[];
    readonly token_type_ids?: readonly (readonly number[])[];
    readonly labels?: readonly number[] | readonly (readonly number[])[];
    readonly start_positions?: readonly number[];
    readonly end_positions?: readonly number[];
  };
  readonly loss: number;
  readonly hidden_states: number;
  readonly parameters: readonly string[];
  readonly parameters_without_gradient: readonly string[];
  readonly train_adamw: TrainLog;
  readonly train_clip_linear: ClipLog;
  readonly float64: {
    readonly max_abs_diff: { readonly final: Readonly<Record<string, number>> };
  };
}

/** One fixture; dispose it at the end. */
export class Golden {
  readonly json: GoldenJson;
  readonly tensors: SafetensorsFile;
  readonly parts: ModelParts;
  readonly batch: TokenBatch;
  private readonly inference: NativeProgram;

  private constructor(
    json: GoldenJson,
    tensors: SafetensorsFile,
    parts: ModelParts,
    inference: NativeProgram,
  ) {
    const { lengths, batch } = json;
    const offsets = new Int32Array(lengths.length + 1);
    for (const [i, length] of lengths.entries()) offsets[i + 1] = (offsets[i] ?? 0) + length;
    this.json = json;
    this.tensors = tensors;
    this.parts = parts;
    this.inference = inference;
    const segments = batch.token_type_ids;
    this.batch = {
      ids: this.unpadded(batch.input_ids),
      segments: segments === undefined ? null : this.unpadded(segments),
      offsets,
    };
  }

  /** Padded rows back to back. */
  private unpadded(rows: readonly (readonly number[])[]): Int32Array {
    return Int32Array.from(rows.flatMap((row, i) => row.slice(0, this.json.lengths[i])));
  }

  static async open(name: string): Promise<Golden> {
    const folder = encoderFolder(name) ?? '';
    const text = readFileSync(`${folder}/golden.json`, 'utf8');
    const json = JSON.parse(text) as GoldenJson;
    const task = ENCODERS[name] ?? 'embedding';
    const settings = { lanes: undefined, signal: undefined, seed: 0 };
    const parts = await loadModel('test', folder, { task }, settings);
    const tensors = await openSafetensors(`${folder}/golden.safetensors`);
    const inference = await parts.program.use('test', ({ store }) =>
      deriveProgram(parts.graph, store, { trainable: false }),
    );
    return new Golden(json, tensors, parts, inference);
  }

  /** A fresh trainable copy of the saved weights. */
  async trainable(): Promise<NativeProgram> {
    return deriveProgram(this.parts.graph, this.inference.store, { trainable: true });
  }

  /** An output for the whole batch: [tokens, width] or [sequences, width], flat. */
  async run(
    output: OutputName,
    kind: 'token' | 'sequence',
    program = this.inference,
  ): Promise<Float32Array> {
    const rows = kind === 'token' ? this.batch.ids.length : this.json.lengths.length;
    const data = new Float32Array(rows * outputWidth(this.parts.graph, output));
    await runBatch(program, this.batch, output, data, { where: 'test', signal: undefined });
    return data;
  }

  /** An expected [batch, positions, width] or [batch, positions] tensor without its padding. */
  async tokens(name: string): Promise<Float32Array> {
    const values = await this.tensors.readFloats(name);
    const [, positions = 0, width = 1] = this.tensors.tensors.get(name)?.shape ?? [];
    const kept = this.json.lengths.map((length, row) => {
      const begin = row * positions * width;
      return values.subarray(begin, begin + length * width);
    });
    return Float32Array.from(kept.flatMap((part) => [...part]));
  }

  /** The expected logits in the form of ours: of an answer's start and end side by side. */
  async logits(): Promise<Float32Array> {
    const { task } = this.parts.head;
    if (task === 'classification') return this.tensors.readFloats('logits');
    if (task !== 'question-answering') return this.tokens('logits');
    const [starts, ends] = [await this.tokens('start_logits'), await this.tokens('end_logits')];
    return Float32Array.from([...starts].flatMap((start, i) => [start, ends[i] ?? Number.NaN]));
  }

  /** The loss of the fixture for the program as it is now: its own, or the mean square of the hidden values. */
  async loss(program: NativeProgram): Promise<{ step: LossTerm; value: number | null }> {
    const own = this.headLoss();
    if (own !== null) return { step: own, value: null };
    const hidden = await this.run('hidden', 'token', program);
    const value = hidden.reduce((sum, x) => sum + x * x, 0) / hidden.length;
    const gradient = hidden.map((x) => (2 * x) / hidden.length);
    const step = { kind: 'external', output: 'hidden', weight: 1, targets: gradient } as const;
    return { step, value };
  }

  /** The loss of the head; null for an encoder without one. Labels that are ignored are -1 here. */
  private headLoss(): LossTerm | null {
    const { task, problem } = this.parts.head;
    const { labels = [], start_positions: starts = [], end_positions: ends = [] } = this.json.batch;
    const flat = labels.flat();
    if (task === 'question-answering') {
      const spans = starts.flatMap((start, i) => [start, ends[i] ?? -1]);
      return onLogits('span', Int32Array.from(spans));
    }
    if (task === 'token-classification' || task === 'masked-lm') {
      const known = this.unpadded(labels as readonly (readonly number[])[]);
      return onLogits(
        'cross_entropy',
        known.map((label) => Math.max(label, -1)),
      );
    }
    if (task !== 'classification') return null;
    if (problem === 'regression') return onLogits('mse', Float32Array.from(flat));
    return problem === 'multi_label_classification'
      ? onLogits('bce', Float32Array.from(flat))
      : onLogits('cross_entropy', Int32Array.from(flat));
  }

  async close(): Promise<void> {
    this.inference.dispose();
    await this.parts.program.retire();
    await this.tensors.close();
  }
}

function onLogits(kind: LossKind, targets: LossTerm['targets']): LossTerm {
  return { kind, output: 'logits', weight: 1, targets };
}

/** Largest absolute difference; infinite when lengths differ or something is not a number. */
export function maxDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [i, value] of a.entries()) {
    const difference = Math.abs(value - (b[i] ?? Number.NaN));
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, difference);
  }
  return largest;
}

export function maxAbs(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}
