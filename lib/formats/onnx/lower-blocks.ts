/**
 * Linear layers with float activations and weights of 8 or 4 bits, which the runtime dequantizes: small files, exact
 * activations.
 *
 * Standard operators (DequantizeLinear) are the default: with a scale per block from opset 21 on, with a scale per output
 * channel before. ONNX Runtime's own MatMulNBits is written on request.
 */

import { type BlockCodes, blockCodes, packNibbles } from './block-codes.js';
import { changed, transpose } from './in-turns.js';
import type { BlockProducts, Lowering } from './lowering.js';
import { since } from './opsets.js';

/** output = input W^T. */
export function blockProduct(
  lowering: Lowering,
  settings: BlockProducts,
  input: string,
  weight: string,
  output: string,
): void {
  if (settings.operator === 'MatMulNBits') {
    microsoftProduct(lowering, settings, input, weight, output);
    return;
  }
  const { builder, weights } = lowering;
  const channels = settings.bits === 8 && weights.spec(weight, 2).dtype === 's8';
  const [wide = ''] = lowering.once(`wide ${weight}`, () =>
    channels || !since(builder.opset, 'blocks')
      ? [perChannel(lowering, weight)]
      : [perBlock(lowering, settings, weight)],
  );
  builder.node('MatMul', [input, wide], output);
}

/** Dequantizes a weight with one scale per output channel: s8 weights as stored, others quantized as `quantize` does it. */
function perChannel(lowering: Lowering, weight: string): string {
  const { builder, weights } = lowering;
  const operands = [weights.integerMatrix(weight, 'int8'), weights.floatScales(weight)];
  const axis = { axis: { int: 1 } };
  return builder.step('DequantizeLinear', operands, `${weight}.T_dequantized`, axis);
}

/**
 * Dequantizes a weight [in, out] with one scale per block of inputs. Symmetric blocks have signed codes and need no zero
 * point.
 */
function perBlock(lowering: Lowering, settings: BlockProducts, weight: string): string {
  const { builder, weights } = lowering;
  const { rows, width } = weights.spec(weight, 2);
  const { bits, size, symmetric } = settings;
  const blocks = Math.ceil(width / size);
  const made = (values: Float32Array) => blockCodes(values, width, settings);
  const middle = 2 ** (bits - 1);
  const store = async (codes: Uint8Array, of: number): Promise<Uint8Array> => {
    const turned = await transpose(codes, new Uint8Array(codes.length), rows, of);
    // Two's complement of `bits` bits: the code of 0 becomes 0.
    const signed = symmetric ? await changed(turned, turned, (code) => code - middle) : turned;
    return bits === 4 ? packNibbles(signed) : signed;
  };
  const type = symmetric ? (`int${bits}` as const) : (`uint${bits}` as const);
  const name = `${weight}.T_blocks`;
  const operands = [
    weights.derived(name, weight, type, [width, rows], async (values) =>
      store((await made(values)).codes, width),
    ),
    weights.derivedFloats(`${name}_scale`, weight, [blocks, rows], async (values) =>
      transpose((await made(values)).scales, new Float32Array(rows * blocks), rows, blocks),
    ),
  ];
  if (!symmetric) {
    const zeros = async (values: Float32Array) => store((await made(values)).zeroPoints, blocks);
    operands.push(weights.derived(`${name}_zero`, weight, type, [blocks, rows], zeros));
  }
  return builder.step('DequantizeLinear', operands, `${name}_dequantized`, {
    axis: { int: 0 },
    block_size: { int: size },
  });
}

/**
 * Writes a MatMulNBits: codes u8 [out, blocks, bytes of a block], scales [out, blocks]; without zero points, as for symmetric
 * blocks, the operator takes the middle code.
 */
function microsoftProduct(
  lowering: Lowering,
  settings: BlockProducts,
  input: string,
  weight: string,
  output: string,
): void {
  const { builder, weights } = lowering;
  const { rows, width } = weights.spec(weight, 2);
  const { bits, size, symmetric, accuracyLevel } = settings;
  const blocks = Math.ceil(width / size);
  const bytes = (size * bits) / 8;
  const made = (values: Float32Array) => blockCodes(values, width, settings);
  const pack = async (codes: Uint8Array) => (bits === 4 ? packNibbles(codes) : codes);
  const name = `${weight}_blocks`;
  const operands = [
    input,
    weights.derived(name, weight, 'uint8', [rows, blocks, bytes], async (values) =>
      pack(padded(await made(values), rows, width, blocks * size)),
    ),
    weights.derivedFloats(
      `${name}_scale`,
      weight,
      [rows, blocks],
      async (values) => (await made(values)).scales,
    ),
  ];
  if (!symmetric) {
    // The zero points of each row fill whole bytes.
    const zeroBytes = Math.ceil((blocks * bits) / 8);
    operands.push(
      weights.derived(`${name}_zero`, weight, 'uint8', [rows * zeroBytes], async (values) => {
        const { zeroPoints } = await made(values);
        const whole = new Uint8Array((rows * zeroBytes * 8) / bits);
        for (let row = 0; row < rows; row++) {
          const points = zeroPoints.subarray(row * blocks, (row + 1) * blocks);
          whole.set(points, (row * zeroBytes * 8) / bits);
        }
        return pack(whole);
      }),
    );
  }
  builder.microsoft('MatMulNBits', operands, output, {
    K: { int: width },
    N: { int: rows },
    bits: { int: bits },
    block_size: { int: size },
    ...(accuracyLevel > 0 && { accuracy_level: { int: accuracyLevel } }),
  });
}

/** Fills the codes of each row up to whole blocks with the zero point of its last block. */
function padded(
  { codes, zeroPoints }: BlockCodes,
  rows: number,
  width: number,
  full: number,
): Uint8Array {
  if (full === width) return codes;
  const blocks = zeroPoints.length / rows;
  const out = new Uint8Array(rows * full);
  for (let row = 0; row < rows; row++) {
    out.fill(zeroPoints[(row + 1) * blocks - 1] ?? 0, row * full, (row + 1) * full);
    out.set(codes.subarray(row * width, (row + 1) * width), row * full);
  }
  return out;
}
