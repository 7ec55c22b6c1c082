/**
 * The same text gives the same bits: alone or among others, in any order, cut in any way, on any number of lanes and at
 * every instruction set level; in f32, in int8, and through training.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { native } from '../../lib/native/native.js';
import type { NativeProgram, TokenBatch } from '../../lib/native/program.js';
import { hasLevel, LEVELS } from '../isa-levels.js';
import { expectSameBits } from '../kernels/native-test.js';
import { Golden } from '../parity/golden.js';
import { child } from './child.js';
import { at, batchOf, bytesOf, pick, quantizedGraph, run, sealedS8 } from './toy.js';

const WIDTH = 32;
const LABELS = 3;
const LENGTHS = [7, 1, 64, 3, 30, 2, 17, 1, 16, 48, 5, 33, 64, 9];

/** The graph with dropout everywhere: inference ignores it, training must draw it the same way. */
function withDropout(graph: EncoderGraph): EncoderGraph {
  const nodes = graph.nodes.map((node) => {
    if (node.op === 'dropout') return { ...node, probability: 0.2 };
    return node.op === 'attention' ? { ...node, dropout: 0.1 } : node;
  });
  return { ...graph, nodes };
}

let golden: Golden;
let batch: TokenBatch;
let programs: Map<string, NativeProgram>;
let folder: string;

beforeAll(async () => {
  golden = await Golden.open('bert-seqcls');
  const graph = withDropout(golden.parts.graph);
  batch = batchOf(LENGTHS, 4, { vocabulary: graph.vocabulary });
  const f32 = await golden.trainable();
  const weights = new Map(graph.weights.map(({ name }) => [name, f32.store.readWeight(name)]));
  programs = new Map([
    ['f32', f32],
    ['s8', await sealedS8(graph, weights)],
  ]);
  folder = mkdtempSync(join(tmpdir(), 'sinter-bits-'));
  const lists = {
    ids: [...batch.ids],
    offsets: [...batch.offsets],
    segments: [...(batch.segments ?? [])],
  };
  const labels = LENGTHS.map((length) => length % 2);
  writeFileSync(
    join(folder, 'model.json'),
    JSON.stringify({ graph, s8: quantizedGraph(graph), batch: lists, width: WIDTH, labels }),
  );
  const all = [...weights.values()].flatMap((values) => [...values]);
  writeFileSync(join(folder, 'weights.bin'), bytesOf(Float32Array.from(all)));
});

afterAll(async () => {
  for (const program of programs.values()) program.dispose();
  await golden.close();
  rmSync(folder, { recursive: true });
});

const hidden = (program: NativeProgram, of: TokenBatch, budget = 512) =>
  run(program, of, 'hidden', of.ids.length * WIDTH, budget);

describe.each(['f32', 's8'])('%s', (dtype) => {
  const program = () => programs.get(dtype) as NativeProgram;
  const rowsOf = (values: Float32Array, of: TokenBatch, i: number) =>
    values.subarray(at(of.offsets, i) * WIDTH, at(of.offsets, i + 1) * WIDTH);

  it('gives a text alone the bits that it has in a batch', async () => {
    const together = await hidden(program(), batch);
    for (const i of LENGTHS.keys()) {
      const alone = await hidden(program(), pick(batch, [i]));
      expectSameBits(alone, rowsOf(together, batch, i), `text ${i}`);
    }
  });

  it('does not depend on the order', async () => {
    const together = await hidden(program(), batch);
    const order = [...LENGTHS.keys()].sort((a, b) => ((a * 5) % 14) - ((b * 5) % 14));
    const permuted = pick(batch, order);
    const values = await hidden(program(), permuted);
    for (const [row, i] of order.entries()) {
      expectSameBits(rowsOf(values, permuted, row), rowsOf(together, batch, i), `text ${i}`);
    }
  });

  it.each([1, 2, 17, 64, 65, 100, 128, 300, 1024])(
    'does not depend on a budget of %i',
    async (budget) => {
      const expected = await hidden(program(), batch);
      expectSameBits(await hidden(program(), batch, budget), expected, 'hidden');
    },
  );

  it('gives outputs asked for together what each gives alone', async () => {
    const tokens = new Float32Array(batch.ids.length * WIDTH);
    const logits = new Float32Array(LENGTHS.length * LABELS);
    const outputs = [
      { name: 'logits', data: logits },
      { name: 'hidden', data: tokens },
    ];
    await program().run(batch, outputs, { jobId: native().nextJobId(), tokenBudget: 64 });
    expectSameBits(tokens, await hidden(program(), batch), 'hidden');
    expectSameBits(logits, await run(program(), batch, 'logits', logits.length), 'logits');
  });
});

interface Bits {
  readonly active: string;
  readonly lanes: number;
  readonly hashes: Readonly<Record<string, string>>;
}

async function bits(lanes: number, level: string): Promise<Bits> {
  const { stdout, stderr, end } = await child('bits', [folder, `${lanes}`], { SINTER_ISA: level });
  expect({ end, stderr }).toEqual({ end: 0, stderr: '' });
  return JSON.parse(stdout) as Bits;
}

describe('across processes', { timeout: 300_000 }, () => {
  const { host } = native().isa();
  let reference: Bits;
  beforeAll(async () => {
    reference = await bits(1, 'scalar');
  });

  it('cutting a batch changes nothing', () => {
    const { hashes } = reference;
    expect(hashes.f32Small).toBe(hashes.f32);
    expect(hashes.s8Small).toBe(hashes.s8);
    expect(hashes.f32).not.toBe(hashes.s8);
  });

  it.each([2, 3, 5])('%i lanes give the bits of one', async (lanes) => {
    const ours = await bits(lanes, host);
    expect(ours.lanes).toBe(lanes);
    expect(ours.hashes).toEqual(reference.hashes);
  });

  for (const level of LEVELS) {
    const lacking = !hasLevel(level);
    const reason = lacking ? ` (skipped: this host lacks it)` : '';
    it.skipIf(lacking)(`${level} gives the bits of scalar${reason}`, async () => {
      const ours = await bits(2, level);
      expect(ours.active).toBe(level);
      expect(ours.hashes).toEqual(reference.hashes);
    });

    const present = lacking ? '' : ' (skipped: it has it)';
    it.skipIf(!lacking)(`${level} is refused where the host lacks it${present}`, async () => {
      const { stderr, end } = await child('bits', [folder, '1'], { SINTER_ISA: level });
      expect(end).not.toBe(0);
      expect(stderr).toContain('DEVICE');
    });
  }

  it('a level that does not exist is refused', async () => {
    const { stderr, end } = await child('bits', [folder, '1'], { SINTER_ISA: 'avx1024' });
    expect(end).toBe(1);
    expect(stderr).toContain(`SINTER_ISA must be one of ${LEVELS.join(', ')}, got "avx1024"`);
  });
});
