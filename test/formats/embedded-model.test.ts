// The embedded model is what its NOTICE says: made from the published checkpoint, weights rounded
// to f16.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { f16ToF32, f32ToF16 } from '../../lib/formats/float16.js';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';

const MODEL = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));
const SOURCE = fileURLToPath(
  new URL('../../../shared/models/all-MiniLM-L6-v2/model.safetensors', import.meta.url),
);

describe('models/all-MiniLM-L6-v2', () => {
  it('has the checksum and the files that NOTICE names', async () => {
    const notice = await readFile(join(MODEL, 'NOTICE'), 'utf8');
    const weights = await readFile(join(MODEL, 'model.safetensors'));
    expect(notice).toContain(createHash('sha256').update(weights).digest('hex'));
    expect(await readFile(join(MODEL, 'LICENSE'), 'utf8')).toContain('Apache License');
    const folder = await readHfFolder(MODEL);
    expect(folder.sentence).toMatchObject({
      pooling: ['mean'],
      modules: [{ kind: 'normalize' }],
      maxTokens: 256,
    });
    expect(folder.tensors.size).toBe(103);
    expect([...folder.tensors.values()].every(({ dtype }) => dtype === 'F16')).toBe(true);
    await folder.close();
  });

  it.skipIf(!existsSync(SOURCE))(
    'has every weight of the checkpoint, rounded (needs ../shared/models)',
    async () => {
      const source = await openSafetensors(SOURCE);
      const folder = await readHfFolder(MODEL);
      for (const [name, { shape }] of folder.tensors) {
        expect(source.tensors.get(name)?.shape).toEqual(shape);
        const expected = f16ToF32(f32ToF16(await source.readFloats(name)));
        const found = await folder.weights.readFloats(name);
        expect(Buffer.compare(Buffer.from(expected.buffer), Buffer.from(found.buffer))).toBe(0);
      }
      await source.close();
      await folder.close();
    },
    120_000,
  );
});
