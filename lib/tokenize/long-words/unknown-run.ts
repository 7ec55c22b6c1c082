/**
 * A run of unknown characters, and the tokens that stand for it.
 *
 * Fused characters become one token, or the tokens of their bytes, each with the place of the whole run.
 */

import type { UnknownToken } from './word-model.js';

export interface PlacedToken {
  readonly id: number;
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const FIRST_BYTES = 64;

export class UnknownRun {
  private readonly unknown: UnknownToken | null;
  /** Whether places are wanted; without them byte tokens need not wait for the end of their run. */
  private readonly placed: boolean;
  /** The run as one unknown token. */
  private token: PlacedToken | null = null;
  private closed = false;
  private bytes = new Uint8Array(FIRST_BYTES);
  private size = 0;
  private taken = 0;
  /** Bytes of the unknown token's own name: a run of exactly these is that token, not its bytes. */
  private readonly whole: Buffer;

  constructor(unknown: UnknownToken | null, placed: boolean) {
    this.unknown = unknown;
    this.placed = placed;
    this.whole = Buffer.from((unknown?.bytes === null ? null : unknown?.name) ?? '');
  }

  /** Whether tokens can be taken. */
  get pending(): boolean {
    if (this.token === null || this.closed) return this.token !== null;
    if (this.placed || this.taken === this.size) return false;
    return this.taken > 0 || this.size > this.whole.length;
  }

  /** Adds a character; false when the tokens so far must be taken first. */
  add(text: string, start: number, end: number): boolean {
    const { name, bytes, fused, id } = this.unknown as UnknownToken;
    if (!fused) this.close();
    if (this.closed) return false;
    const { token } = this;
    if (bytes !== null) this.addBytes(text);
    const called = name ?? (bytes === null ? (token?.name ?? '') + text : '');
    this.token = { id, name: called, start: token?.start ?? start, end };
    return true;
  }

  /** The run ends here. */
  close(): void {
    this.closed = this.token !== null;
  }

  /** Gives out up to `most` tokens. */
  take(most: number, out: PlacedToken[]): void {
    const { token, closed } = this;
    if (token === null) return;
    const bytes = this.unknown?.bytes ?? null;
    if (bytes === null || this.isWhole()) out.push(token);
    else {
      const last = Math.min(this.size, this.taken + most);
      for (; this.taken < last; this.taken++) {
        const byte = bytes[this.bytes[this.taken] as number];
        if (byte !== undefined) out.push({ ...byte, start: token.start, end: token.end });
      }
      if (this.taken < this.size) return;
    }
    if (closed) this.forget();
    // One byte stays counted, so that the next one does not look like the first of its run.
    else if (this.size > 1) this.size = this.taken = 1;
  }

  private isWhole(): boolean {
    const { whole, size, taken } = this;
    return taken === 0 && size > 0 && whole.equals(this.bytes.subarray(0, size));
  }

  private forget(): void {
    this.token = null;
    this.closed = false;
    this.size = 0;
    this.taken = 0;
    if (this.bytes.length > 1 << 16) this.bytes = new Uint8Array(FIRST_BYTES);
  }

  private addBytes(text: string): void {
    const added = Buffer.from(text);
    if (this.size + added.length > this.bytes.length) {
      const larger = new Uint8Array(2 * (this.size + added.length));
      larger.set(this.bytes.subarray(0, this.size));
      this.bytes = larger;
    }
    this.bytes.set(added, this.size);
    this.size += added.length;
  }
}
