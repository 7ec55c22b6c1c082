/**
 * Which weights of a file stay int8: those whose products read 8-bit activations in the file.
 */

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { int8Weights } from '../../../lib/checkpoint/onnx/onnx-folder.js';
import { nameOnnx } from '../../../lib/checkpoint/onnx/onnx-names.js';
import { importOnnx, type OnnxImport } from '../../../lib/formats/onnx/import/index.js';
import type { ActivationQuantization } from '../../../lib/formats/onnx/import/plain/plain-model.js';
import { ONNX_FIXTURES } from './zoo.js';

const FILE = join(ONNX_FIXTURES, 'zoo', 'distilbert_qdyn_ort_extended', 'model.onnx');

type Notes = Map<string, ActivationQuantization>;

async function withNotes(change: (notes: Notes, imported: OnnxImport) => void) {
  const imported = await importOnnx(FILE);
  const activations: Notes = new Map(imported.plain.activations);
  change(activations, imported);
  const plain = { ...imported.plain, activations };
  return int8Weights({ ...imported, plain }, nameOnnx(imported, {}));
}

/** The input of the product with the first feed-forward weight. */
function inputOf({ plain }: OnnxImport): string {
  const wide = plain.graph.nodes.find(({ op, inputs }) => {
    const [rows = 0, columns = 0] = plain.graph.initializers.get(inputs[1] ?? '')?.dims ?? [];
    return op === 'MatMul' && columns > rows;
  });
  return wide?.inputs[0] ?? '';
}

describe('weights that stay int8', () => {
  test('all of a file that quantizes every input', async () => {
    const found = await withNotes(() => {});
    expect([...found].filter((name) => name.includes('lin1')).length).toBe(2);
  });

  test('not where a product reads floats', async () => {
    const all = await withNotes(() => {});
    const found = await withNotes((notes, imported) => {
      expect(notes.delete(inputOf(imported))).toBe(true);
    });
    const gone = [...all].filter((name) => !found.has(name));
    expect(gone).toEqual(['distilbert.transformer.layer.0.ffn.lin1.weight']);
  });

  test('not where a product reads 16 bits', async () => {
    const found = await withNotes((notes, imported) => {
      const name = inputOf(imported);
      const note = notes.get(name);
      if (note) notes.set(name, { ...note, bits: 16 });
    });
    expect(found.has('distilbert.transformer.layer.0.ffn.lin1.weight')).toBe(false);
    expect(found.has('distilbert.transformer.layer.1.ffn.lin1.weight')).toBe(true);
  });
});
