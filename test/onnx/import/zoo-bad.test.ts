/**
 * Damaged and foreign files: each is refused with a typed error that says what and where, at once and in little memory.
 *
 * Every case runs in a process of its own with a small heap. Nothing outside the case's folder may be opened.
 */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ONNX_FIXTURES } from './zoo.js';

interface BadCase {
  readonly name: string;
  readonly category: string;
  readonly also_acceptable: readonly string[] | null;
  readonly why: string;
}

interface Outcome {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly stack: string;
  readonly ms: number;
  readonly maxRssMb: number;
  readonly opened: readonly string[];
}

const CHILD = fileURLToPath(new URL('import-child.mjs', import.meta.url));

async function importApart(model: string): Promise<Outcome> {
  const options = { timeout: 20_000 };
  const arguments_ = ['--max-old-space-size=96', CHILD, model];
  const { stdout } = await promisify(execFile)(process.execPath, arguments_, options);
  return JSON.parse(stdout) as Outcome;
}

/** What each message must name beside the category: the tensor, node, operator or file that is at fault. */
const NAMED: Readonly<Record<string, RegExp>> = {
  cnn: /pixel_values/,
  cyclic: /query\/MatMul/,
  dangling_input: /does_not_exist/,
  decoder_gpt2: /node_softmax.*causal/,
  external_file_missing: /bert\.embeddings\.word_embeddings\.weight.*missing\.bin/,
  external_offset_past_end: /bert\.embeddings\.word_embeddings\.weight.*w\.bin/,
  external_path_absolute: /bert\.embeddings\.word_embeddings\.weight.*\/etc\/passwd/,
  external_path_dotdot: /bert\.embeddings\.word_embeddings\.weight.*\.\.\/etc\/passwd/,
  huge_dims: /bert\.embeddings\.word_embeddings\.weight/,
  initializer_too_short: /bert\.embeddings\.word_embeddings\.weight/,
  nan_weights: /bert\.embeddings\.word_embeddings\.weight/,
  negative_dim: /bert\.embeddings\.word_embeddings\.weight/,
  no_graph: /without a graph/,
  opset_999: /opset.*999/,
  random_bytes: /at byte 2/,
  softmax_wrong_axis: /Softmax.*axis 1/,
  text_file: /Git LFS pointer/,
  truncated_half: /at byte 19/,
  unknown_custom_op: /MysteryGelu/,
  wrong_hidden_halfway: /key\/MatMul.*onnx::MatMul_328/,
  zero_bytes: /empty/,
};

const FOLDER = join(ONNX_FIXTURES, 'zoo_bad');

describe('damaged and foreign files', () => {
  const names = readdirSync(FOLDER).sort();

  it('are all known here', () => {
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(Object.keys(NAMED)).toContain(name);
  });

  it.each(names)('%s', async (name) => {
    const folder = join(FOLDER, name);
    const bad = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as BadCase;
    const outcome = await importApart(join(folder, 'model.onnx'));
    const wanted = [bad.category, ...(bad.also_acceptable ?? [])];
    const unsupported = outcome.code === 'UNSUPPORTED_MODEL' ? 'unsupported' : undefined;
    expect(outcome.stack ?? '').toBe('');
    expect(outcome).toMatchObject({
      code: bad.category === 'unsupported' ? 'UNSUPPORTED_MODEL' : 'CORRUPT_MODEL',
      message: expect.stringMatching(NAMED[name] as RegExp),
    });
    // The code says it where it is the only category of that code.
    expect(wanted).toContain(outcome.details.category ?? unsupported);
    expect(outcome.details.file).toBe(join(folder, 'model.onnx'));
    expect(outcome.ms).toBeLessThan(2000);
    expect(outcome.maxRssMb).toBeLessThan(256);
    expect(outcome.opened.length).toBeGreaterThan(0);
    for (const path of outcome.opened) {
      expect(realpathSync(path).startsWith(`${realpathSync(folder)}/`), path).toBe(true);
    }
  });
});
