/** Numbers as the bytes that files hold. */

/** The bytes of f32 numbers, lowest byte first; where the machine has them so, they share the memory of `data`. */
export function littleEndian(data: Float32Array): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return isLittle ? bytes : Buffer.from(bytes).swap32();
}
