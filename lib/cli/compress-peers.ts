/**
 * Speeds for the report of `sinter compress`, beside ONNX Runtime where it is installed.
 *
 * The rule: the original and the compressed model, and the original in ONNX Runtime in f32 and int8, take turns on the same texts and
 * threads; tokenizing is part of each.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Matrix } from '../core/matrix.js';
import { Classifier } from '../models/classifier.js';
import { Encoder } from '../models/encoder.js';
import { insideOf, type TextModel } from '../models/text-model.js';
import { native } from '../native/native.js';
import type { CompressionVariant } from '../report/compression-types.js';
import { compareEngines } from './compare.js';
import { contenderFor } from './contenders.js';
import { findOnnxRuntime } from './onnx-runtime.js';

const TEXTS = 256;
const ROUNDS = 3;

type Measured = Classifier | Encoder;

/** The variants with speeds that were measured together; as they are for models and rows that ONNX Runtime is not run on. */
export async function withPeers(
  variants: readonly CompressionVariant[],
  [original, small]: readonly [TextModel, TextModel],
  rows: readonly unknown[],
  signal: AbortSignal,
): Promise<readonly CompressionVariant[]> {
  const texts = textsOf(rows).slice(0, TEXTS);
  const runtime = await findOnnxRuntime();
  if (runtime === null || texts.length === 0 || !isMeasured(original) || !isMeasured(small)) {
    return variants;
  }
  const folder = await mkdtemp(join(tmpdir(), 'sinter-peers-'));
  try {
    await using int8 = original.quantization === null ? await original.quantize({ signal }) : null;
    const f32 = await contenderFor(original, 'f32', runOf(original), folder);
    const peer = await contenderFor(int8 ?? original, 'int8', runOf(small), folder);
    const { speeds } = await compareEngines([f32, peer], {
      ...{ texts, runtime, threads: native().lanes(), rounds: ROUNDS, signal },
      output: original instanceof Encoder ? 'sentence_embedding' : 'logits',
      encode: (all) => {
        const { tokenizer } = insideOf(original).parts;
        const { maxTokens } = original;
        return tokenizer.encode(all, { maxTokens, truncate: true, where: 'compress' });
      },
    });
    const of = (engine: string, precision: string) =>
      speeds.find((speed) => speed.engine === engine && speed.precision === precision);
    const own = { original: of('sinter', 'f32'), chosen: of('sinter', 'int8') };
    const measured = variants.map((variant) => {
      const found =
        variant.role === 'original' || variant.role === 'chosen' ? own[variant.role] : undefined;
      return found === undefined ? variant : { ...variant, tokensPerSecond: found.tokensPerSecond };
    });
    const score = variants.find(({ role }) => role === 'original')?.score;
    const peers = (['f32', 'int8'] as const).flatMap((precision): CompressionVariant[] => {
      const found = of('onnxruntime', precision);
      if (found === undefined) return [];
      const { tokensPerSecond } = found;
      const name = `ONNX Runtime ${runtime.version} ${precision}`;
      return [
        {
          ...{ name, role: 'peer', precision, tokensPerSecond },
          ...(precision === 'f32' && score !== undefined && { score }),
        },
      ];
    });
    return [...measured, ...peers];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isMeasured(model: TextModel): model is Measured {
  return model instanceof Classifier || model instanceof Encoder;
}

function runOf(model: Measured): (texts: readonly string[]) => Promise<Matrix> {
  return (texts) => (model instanceof Encoder ? model.embed(texts) : model.logits(texts));
}

/** The texts of rows with one text each. */
function textsOf(rows: readonly unknown[]): readonly string[] {
  return rows.flatMap((row) => {
    if (typeof row === 'string') return [row];
    const { text, pair, anchor, sentence1 } = row as Record<string, unknown>;
    const first = text ?? anchor ?? sentence1;
    return typeof first === 'string' && pair === undefined ? [first] : [];
  });
}
