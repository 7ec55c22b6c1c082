/**
 * Runs a program on a probe: unchanged, or with its int8 products in f32.
 *
 * The program in f32 takes four bytes a weight; it is built on the first use and freed by `close`.
 */

import type { Probe } from '../../formats/onnx/import/index.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import type { NativeProgram } from '../../native/program.js';
import { disposeProgram } from '../../runtime/program.js';
import { int8Products, widenProducts } from '../../runtime/widen-products.js';
import { runProbe } from './probe-rows.js';

/** The outputs of a program, which may be in another thread. */
export interface ProbeOutputs {
  /** Rows of an output without padding; with `wide`, products are in f32. */
  run(output: OutputName, probe: Probe, wide: boolean): Promise<Float32Array>;
}

export class ProgramOutputs implements ProbeOutputs {
  private readonly graph: EncoderGraph;
  private readonly program: NativeProgram;
  private wide: Promise<NativeProgram> | null = null;

  constructor(graph: EncoderGraph, program: NativeProgram) {
    this.graph = graph;
    this.program = program;
  }

  /** Starts building the program in f32, if there are int8 products. */
  widen(): void {
    if (int8Products(this.graph).size === 0 || this.wide !== null) return;
    this.wide = widenProducts(this.graph, this.program);
    // The error is thrown by `run`.
    this.wide.catch(() => {});
  }

  async run(output: OutputName, probe: Probe, wide: boolean): Promise<Float32Array> {
    if (!wide) return runProbe(this.program, this.graph, output, probe);
    this.wide ??= widenProducts(this.graph, this.program);
    return runProbe(await this.wide, this.graph, output, probe);
  }

  /** Frees the program in f32. Call it when no `run` is pending. */
  async close(): Promise<void> {
    const { wide } = this;
    this.wide = null;
    await wide?.then(disposeProgram).catch(() => {});
  }
}
