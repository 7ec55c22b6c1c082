// Programs for ARM64 under qemu-user: Node, the core that was cross-compiled, and the packages that Node needs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Packages with compiled parts come from the folder of those for ARM64. */
const PRELOAD = ['--import', join(import.meta.dirname, 'resolve.mjs')];

export class Emulation {
  /** `node`: Node for ARM64. `modules`: the folder of its packages. `release`: the folder of the core. */
  constructor({ node, modules, release }) {
    this.node = node;
    this.modules = modules;
    this.release = release;
  }

  /** Starts Node with `args` on a CPU that qemu knows. */
  start(args, { env = {}, cpu = 'max' } = {}) {
    return spawn('qemu-aarch64', ['-cpu', cpu, this.node, ...PRELOAD, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        QEMU_LD_PREFIX: process.env.QEMU_LD_PREFIX ?? '/usr/aarch64-linux-gnu',
        SINTER_NATIVE: join(this.release, 'sinter.node'),
        SINTER_NATIVE_TEST: join(this.release, 'sinter_test.node'),
        SINTER_ARM64_MODULES: this.modules,
        ...env,
      },
    });
  }

  /** Runs Node with `args` to its end: { ok, stdout, stderr }. */
  async run(args, options) {
    const child = this.start(args, options);
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (some) => {
        text[name] += some;
      });
    }
    const [code] = await once(child, 'close');
    return { ok: code === 0, ...text };
  }
}
