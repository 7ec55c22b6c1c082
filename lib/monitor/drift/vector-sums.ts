/** Sums of vectors that are scaled to length 1. The rule: a vector of zeros has no direction and is left out. */
export class VectorSums {
  private readonly sums: Float64Array;
  count = 0;

  constructor(readonly dimensions: number) {
    this.sums = new Float64Array(dimensions);
  }

  /** Adds a vector; returns it scaled to length 1, or null where it has no direction. */
  add(vector: Float32Array): Float32Array | null {
    let squares = 0;
    for (let i = 0; i < vector.length; i++) squares += (vector[i] ?? 0) ** 2;
    const scale = 1 / Math.sqrt(squares);
    if (!Number.isFinite(scale) || vector.length !== this.dimensions) return null;
    const unit = new Float32Array(vector.length);
    for (let i = 0; i < vector.length; i++) {
      const value = (vector[i] ?? 0) * scale;
      unit[i] = value;
      this.sums[i] = (this.sums[i] ?? 0) + value;
    }
    this.count++;
    return unit;
  }

  /** Adds the sums of others to these. */
  join(other: VectorSums): void {
    for (let i = 0; i < this.sums.length; i++) {
      this.sums[i] = (this.sums[i] ?? 0) + (other.sums[i] ?? 0);
    }
    this.count += other.count;
  }

  clear(): void {
    this.sums.fill(0);
    this.count = 0;
  }

  mean(): Float64Array {
    return this.sums.map((value) => value / this.count);
  }
}
