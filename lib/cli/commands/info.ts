/**
 * `sinter info`: version, CPU features and threads of this installation.
 */
import { arch, platform } from 'node:os';
import type { Command } from 'commander';
import { packageVersion } from '../../core/package-files.js';
import { withCommon, withThreads } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { machine } from '../machine.js';
import { findOnnxRuntime } from '../onnx-runtime.js';

interface InfoOptions extends CommonOptions {
  readonly threads?: number;
}

export function addInfo(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('info')
    .summary('show version, CPU features and threads')
    .description('Shows what this installation runs on: version, instruction set, threads.')
    .action((options: InfoOptions) => info(options, surroundings));
  withCommon(withThreads(command));
}

async function info(options: InfoOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  const { cpu, isa, hostIsa, threads } = machine(options.threads);
  const runtime = await findOnnxRuntime();
  const facts = {
    version: packageVersion(),
    node: process.version,
    platform: `${platform()}-${arch()}`,
    cpu,
    isa,
    hostIsa,
    threads,
    onnxruntime: runtime?.version ?? null,
  };
  const lines: [string, string][] = [
    ['sinter', facts.version],
    ['node', `${facts.node} on ${facts.platform}`],
    ['cpu', cpu],
    ['kernels', isa === hostIsa ? isa : `${isa} (the CPU has ${hostIsa})`],
    ['threads', String(threads)],
    ['onnxruntime-node', facts.onnxruntime ?? 'not installed (only needed to compare speed)'],
  ];
  out.facts(lines, { nameWidth: 18 });
  out.json(facts);
}
