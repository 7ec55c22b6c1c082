/**
 * A native program that several calls may use at once. It is freed when its owner has retired it and the last call has
 * ended.
 *
 * So `dispose()` and the end of a training never take the weights away from a running call.
 */

import { SinterError } from '../core/errors.js';
import type { NativeProgram } from '../native/program.js';

export class SharedProgram {
  private readonly program: NativeProgram;
  private users = 0;
  private retired = false;
  private readonly idle: (() => void)[] = [];
  private readonly others = new Map<string, Promise<NativeProgram>>();

  constructor(program: NativeProgram) {
    this.program = program;
  }

  /** Runs `work` and keeps the program alive meanwhile. Throws DISPOSED if the owner has retired it. */
  async use<T>(where: string, work: (program: NativeProgram) => T | Promise<T>): Promise<T> {
    if (this.retired) throw new SinterError('DISPOSED', `${where}: the model was disposed`);
    this.users++;
    try {
      return await work(this.program);
    } finally {
      this.users--;
      if (this.retired && this.users === 0) this.free();
    }
  }

  /**
   * Another program over the same weights, made by `make` at the first call with this name and freed with this one. Only inside
   * `use`.
   */
  async beside(
    name: string,
    make: (program: NativeProgram) => Promise<NativeProgram>,
  ): Promise<NativeProgram> {
    const known = this.others.get(name);
    if (known !== undefined) return known;
    const made = make(this.program);
    this.others.set(name, made);
    made.catch(() => this.others.delete(name));
    return made;
  }

  /** Refuses new calls; resolves when the running ones have ended and the memory is freed. May be called twice. */
  async retire(): Promise<void> {
    const first = !this.retired;
    this.retired = true;
    if (this.users > 0) return new Promise((resolve) => this.idle.push(resolve));
    if (first) this.free();
  }

  private free(): void {
    // All are made: who makes one uses this program.
    for (const made of this.others.values()) void made.then((program) => program.dispose());
    this.program.dispose();
    this.program.store.dispose();
    for (const resolve of this.idle.splice(0)) resolve();
  }
}
