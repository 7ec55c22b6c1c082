/**
 * The operations of the newer families, and graphs with features, have the same bits on any number of lanes, at every instruction set level, and
 * however a batch is cut; in f32, in int8, and through training under every loss.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossTerm } from '../../lib/native/losses.js';
import { native } from '../../lib/native/native.js';
import { hasLevel, LEVELS } from '../isa-levels.js';
import { expectSameBits } from '../kernels/native-test.js';
import { child, sanitized } from './child.js';
import {
  FAMILY_VOCABULARY,
  familyGraph,
  HEAD_LOSSES,
  headWidth,
  lossFor,
  rowsOf,
  selectSome,
} from './family-toy.js';
import { FEATURE_WIDTH, mixedGraph, withFeatures } from './featured-toy.js';
import { at, batchOf, pick, quantizedGraph, randomWeights, run, sealed } from './toy.js';

// As many texts as anchors with two negatives each can be made of.
const LENGTHS = [7, 1, 64, 3, 30, 2, 17, 1, 16, 48, 5, 33, 64, 9, 12, 4];
const options = { vocabulary: FAMILY_VOCABULARY, segments: false };
const batch = selectSome(batchOf(LENGTHS, 4, options), 5);

interface Bits {
  readonly active: string;
  readonly lanes: number;
  readonly hashes: Readonly<Record<string, string>>;
}

/** The parts of a model that the child needs, as JSON. */
function modelOf(name: string, graph: EncoderGraph, size: number, loss: LossTerm) {
  const weights = [...randomWeights(graph, 6)].map(([key, values]) => [key, [...values]]);
  const { targets, ...term } = loss;
  return {
    name,
    graph,
    s8: quantizedGraph(graph),
    weights: Object.fromEntries(weights) as object,
    size,
    loss: {
      ...term,
      targets: [...targets],
      isFloat: targets instanceof Float32Array,
      settings: Object.entries(term.settings ?? {}).map(([key, value]) => [
        key,
        value instanceof Float32Array ? { floats: [...value] } : value,
      ]),
      ...(term.lists && { lists: [...term.lists] }),
    },
    features: undefined as readonly number[] | undefined,
  };
}

describe('across processes', { timeout: 300_000 }, () => {
  const { host } = native().isa();
  let folder: string;
  let reference: Bits;

  async function bits(lanes: number, level: string): Promise<Bits> {
    const file = join(folder, 'models.json');
    const { stdout, stderr, end } = await child('families', [file, `${lanes}`], {
      SINTER_ISA: level,
    });
    expect({ end, stderr }).toEqual({ end: 0, stderr: '' });
    return JSON.parse(stdout) as Bits;
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sinter-families-'));
    const models = HEAD_LOSSES.filter(([, loss]) => loss !== 'external').map(
      ([head, loss, settings]) => {
        const size = rowsOf(head, batch) * headWidth(head);
        const name = [head, loss, ...(settings ? [JSON.stringify(settings)] : [])].join(' ');
        return modelOf(name, familyGraph(head, 0.1), size, lossFor(head, loss, batch, settings));
      },
    );
    const { features } = withFeatures(batch, FEATURE_WIDTH, 7);
    const loss = lossFor('texts', 'cross_entropy', batch);
    models.push({
      ...modelOf('features', mixedGraph(), 3 * LENGTHS.length, loss),
      features: [...(features ?? [])],
    });
    const lists = {
      ids: [...batch.ids],
      offsets: [...batch.offsets],
      selected: [...(batch.selected ?? [])],
    };
    writeFileSync(join(folder, 'models.json'), JSON.stringify({ models, batch: lists }));
    reference = await bits(1, 'scalar');
    // Scalar kernels of a sanitizer build take minutes for all losses.
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('cutting a batch changes nothing', () => {
    const { hashes } = reference;
    for (const name of Object.keys(hashes).filter((key) => key.endsWith('cut')))
      expect(hashes[name], name).toBe(hashes[name.slice(0, -' cut'.length)]);
    expect(hashes['texts bce f32']).not.toBe(hashes['texts bce s8']);
  });

  it.each([2, 3, 5])('%i lanes give the bits of one', async (lanes) => {
    const ours = await bits(lanes, host);
    expect(ours.lanes).toBe(lanes);
    expect(ours.hashes).toEqual(reference.hashes);
  });

  for (const level of LEVELS) {
    const lacking = !hasLevel(level);
    // The reference is scalar itself, on one lane.
    const again = sanitized && level === 'scalar';
    const reason = lacking
      ? ' (skipped: this host lacks it)'
      : again
        ? ' on two lanes (skipped: a sanitizer slows it down)'
        : '';
    it.skipIf(lacking || again)(`${level} gives the bits of scalar${reason}`, async () => {
      const ours = await bits(2, level);
      expect(ours.active).toBe(level);
      expect(ours.hashes).toEqual(reference.hashes);
    });
  }
});

describe('selected tokens', () => {
  const graph = familyGraph('vocabulary');
  const weights = randomWeights(graph, 6);
  const width = headWidth('vocabulary');

  it('have the logits that they have when all are selected', async () => {
    const program = await sealed(graph, weights);
    const every = { ...batch, selected: null };
    const all = await run(program, every, 'logits', batch.ids.length * width, 64);
    const selected = batch.selected ?? new Int32Array();
    const some = await run(program, batch, 'logits', selected.length * width);
    for (const [row, token] of selected.entries()) {
      const want = all.subarray(token * width, (token + 1) * width);
      expectSameBits(some.subarray(row * width, (row + 1) * width), want, `token ${token}`);
    }
  });

  it('change nothing in an output that does not need them', async () => {
    const program = await sealed(graph, weights);
    const size = batch.ids.length * 16;
    const want = await run(program, { ...batch, selected: new Int32Array() }, 'hidden', size);
    for (const selected of [null, batch.selected ?? null])
      expectSameBits(await run(program, { ...batch, selected }, 'hidden', size), want, 'hidden');
  });

  it('may be none of a text, of a slice or of the batch', async () => {
    const program = await sealed(graph, weights);
    const last = at(batch.offsets, LENGTHS.length) - 1;
    const only = { ...batch, selected: Int32Array.of(last) };
    const alone = pick(batch, [LENGTHS.length - 1]);
    const end = { ...alone, selected: Int32Array.of(alone.ids.length - 1) };
    const want = await run(program, end, 'logits', width);
    for (const budget of [1, 40, 1024])
      expectSameBits(await run(program, only, 'logits', width, budget), want, `budget ${budget}`);
    const none = { ...batch, selected: new Int32Array() };
    expect(await run(program, none, 'logits', 0)).toEqual(new Float32Array());
  });
});
